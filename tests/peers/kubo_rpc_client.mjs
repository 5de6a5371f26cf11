// Every command of ours through npm kubo-rpc-client. node kubo_rpc_client.mjs MODULES URL URL: two nodes of ours with libp2p, not connected.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

const [modules, ...urls] = process.argv.slice(2)
const { create } = await import(pathToFileURL(`${modules}/kubo-rpc-client/dist/src/index.js`))
const { CID } = await import(pathToFileURL(createRequire(`${modules}/`).resolve('multiformats/cid')))
const [a, b] = urls.map(url => create({ url, timeout: 120000 }))
const all = async it => { const out = []; for await (const x of it) out.push(x); return out }
const bytes = async it => Buffer.concat(await all(it))
const fails = async (what, words) => assert.rejects(what, e => { assert.match(e.message, words); return true })
let failures = 0

async function check (name, fn) {
  try {
    await fn()
    console.log(`ok - ${name}`)
  } catch (e) {
    failures++
    console.log(`not ok - ${name}: ${String(e.stack).split('\n').slice(0, 4).join(' | ')}`)
  }
}

const big = randomBytes(3_000_000)
let file, folder, ida, idb, far

await check('version', async () => assert.match((await a.version()).version, /^\d/))
await check('id', async () => {
  ida = await a.id()
  idb = await b.id()
  assert.ok(ida.addresses.length > 0 && ida.protocols.includes('/ipfs/bitswap/1.2.0') && ida.agentVersion.startsWith('crust/'))
  assert.notEqual(ida.id.toString(), idb.id.toString())
})
await check('a page that is let in, and one that is not', async () => {
  const paged = origin => create({ url: urls[0], timeout: 120000, headers: { origin } })
  assert.match((await paged('http://page.example').version()).version, /^\d/)
  await fails(paged('http://other.example').version(), /403|Forbidden/i)
})
await check('isOnline', async () => assert.equal(await a.isOnline(), true))
await check('add of a file, with progress', async () => {
  file = await a.add(big, { cidVersion: 1, progress: () => {} })
  assert.ok(file.cid instanceof Object && file.cid.toString().startsWith('bafy'))
})
await check('add of what Kubo adds alike', async () =>
  assert.equal((await a.add('hello\n')).cid.toString(), 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'))
await check('addAll of a folder', async () => {
  const added = await all(a.addAll([{ path: 'd/x', content: 'x' }, { path: 'd/sub/y', content: 'y' }], { wrapWithDirectory: false }))
  assert.deepEqual(added.map(f => f.path).sort(), ['d', 'd/sub', 'd/sub/y', 'd/x'])
  folder = added.find(f => f.path === 'd').cid
})
await check('cat', async () => assert.ok((await bytes(a.cat(file.cid))).equals(big)))
await check('cat of a part', async () =>
  assert.ok((await bytes(a.cat(file.cid, { offset: 1000, length: 500_000 }))).equals(big.subarray(1000, 501_000))))
await check('get', async () => assert.ok((await bytes(a.get(folder))).includes('sub/y')))
await check('ls', async () =>
  assert.deepEqual((await all(a.ls(folder))).map(e => [e.name, e.type, e.size]).sort(), [['sub', 'dir', 0], ['x', 'file', 1]]))
await check('resolve', async () => assert.match(await a.resolve(`/ipfs/${folder}/sub/y`), /^\/ipfs\/\w+$/))
await check('block', async () => {
  const cid = await a.block.put(Buffer.from('a block'), { format: 'raw' })
  assert.ok(cid.toString().startsWith('bafkrei'))
  assert.equal((await a.block.stat(cid)).size, 7)
  assert.equal(Buffer.from(await a.block.get(cid)).toString(), 'a block')
  const [gone] = await all(a.block.rm(cid))
  assert.ok(gone.cid.equals(cid) && gone.error === undefined)
  await fails(a.block.get(cid, { offline: true }), /could not find/)
  assert.match((await all(a.block.rm(folder)))[0].error.message, /pinned/)
})
await check('dag.put and dag.get', async () => {
  const cid = await a.dag.put({ a: [1, { b: file.cid }], c: new Uint8Array([1, 2]) })
  const { value } = await a.dag.get(cid)
  assert.ok(value.a[1].b.equals(file.cid) && value.c[1] === 2)
  assert.equal((await a.dag.get(cid, { path: '/a/0' })).value, 1)
  const { cid: found, remainderPath } = await a.dag.resolve(cid, { path: 'a/0' })
  assert.ok(found.equals(cid) && remainderPath === 'a/0')
})
await check('dag.export and dag.import', async () => {
  const car = await bytes(a.dag.export(folder))
  await all(a.pin.rmAll([folder]))
  const [{ root }] = await all(a.dag.import([car]))
  assert.ok(root.cid.equals(folder) && root.pinErrorMsg === '')
})
await check('pin', async () => {
  const pins = async options => (await all(a.pin.ls(options))).map(p => `${p.type} ${p.cid}`)
  assert.ok((await pins({ type: 'recursive' })).includes(`recursive ${folder}`))
  assert.equal((await a.pin.rm(folder)).toString(), folder.toString())
  await fails(a.pin.rm(folder), /not pinned/)
  assert.equal((await a.pin.add(folder, { name: 'mine' })).toString(), folder.toString())
  assert.equal((await all(a.pin.ls({ paths: folder, names: true })))[0].name, 'mine')
  assert.ok((await pins({ type: 'indirect' })).length > 1)
  const other = (await a.add('other')).cid
  await a.pin.rm(other)
  assert.deepEqual((await a.pin.update(folder, other)).map(String), [folder, other].map(String))
  await a.pin.update(other, folder)
})
await check('refs', async () => {
  assert.equal((await all(a.refs(folder, { recursive: true }))).length, 3)
  assert.ok((await all(a.refs.local())).some(r => r.ref.startsWith('bafkrei')))
})
await check('repo', async () => {
  assert.equal(typeof await a.repo.version(), 'string')
  const stat = await a.repo.stat()
  assert.ok(stat.numObjects > 3n && stat.storageMax > stat.repoSize)
  await all(a.repo.gc())
})
await check('config.getAll', async () => assert.equal((await a.config.getAll()).Identity.PeerID, ida.id.toString()))
await check('swarm.connect, from b to a', async () => {
  assert.deepEqual(await b.swarm.peers(), [])
  assert.match((await b.swarm.connect(ida.addresses[0]))[0], /success/)
  assert.ok((await b.swarm.peers())[0].peer.equals(ida.id))
  assert.ok((await b.swarm.localAddrs()).length > 0)
})
await check('b reads what only a has', async () => assert.ok((await bytes(b.cat(file.cid))).equals(big)))
await check('and pins it', async () => {
  far = await a.addAll([{ path: 'f/1', content: randomBytes(600_000) }, { path: 'f/2', content: randomBytes(10) }])
  far = (await all(far)).find(f => f.path === 'f').cid
  assert.ok((await b.pin.add(far)).equals(far))
  assert.ok((await bytes(b.dag.export(far, { offline: true }))).length > 600_000)
})
await check('a timeout is told as one', async () => {
  const nowhere = CID.parse('bafkreiafxtfqbbesnjdtqktmbdc34db7qh7pa3fzrjbqsjgelikmhbdr7u')
  await assert.rejects(bytes(b.cat(nowhere, { timeout: 500 })), e => e.name === 'TimeoutError' || /deadline|timed out/i.test(e.message))
})
await check('swarm.disconnect', async () => {
  await b.swarm.disconnect(ida.addresses[0])
  for (let i = 0; i < 600 && (await b.swarm.peers()).length > 0; i++) await sleep(100)
  assert.deepEqual(await b.swarm.peers(), [])
})
await check('what is not there is said', async () => {
  await fails(a.files.stat('/'), /404|not found/i)
  await fails(a.id({ peerId: idb.id }), /itself only/)
})
process.exit(failures === 0 ? 0 : 1)
