// A Helia node that does what lines of JSON on its standard input say, and answers each with one. node helia.mjs MODULES noise|tls [dht]
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { createInterface } from 'node:readline'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

const [modules, security, dht] = process.argv.slice(2)
const load = name => import(pathToFileURL(`${modules}/${name}`).href)
const require = createRequire(`${modules}/`)
const pkg = async name => {
  const { exports: e, main } = require(`${modules}/${name}/package.json`)
  const entry = e?.['.'] ?? e
  const path = typeof entry === 'string' ? entry : (entry?.import?.default ?? entry?.import ?? entry?.default ?? main)
  return load(`${name}/${path}`)
}
const { createHelia } = await pkg('helia')
const { unixfs } = await pkg('@helia/unixfs')
const { multiaddr } = await pkg('@multiformats/multiaddr')
const { CID } = await pkg('multiformats').catch(() => load('multiformats/dist/src/index.js'))
const { tcp } = await pkg('@libp2p/tcp')
const { yamux } = await pkg('@libp2p/yamux')
const { identify, identifyPush } = await pkg('@libp2p/identify')
const { ping } = await pkg('@libp2p/ping')
const { kadDHT, passthroughMapper } = await pkg('@libp2p/kad-dht')
const encrypter = security === 'tls' ? (await pkg('@libp2p/tls')).tls() : (await pkg('@libp2p/noise')).noise()

const helia = createHelia({
  libp2p: {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [encrypter],
    streamMuxers: [yamux()],
    peerDiscovery: [],
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      // A client of the DHT of local networks: it asks and tells, and is not asked.
      ...(dht === 'dht' && { dht: kadDHT({ protocol: '/ipfs/lan/kad/1.0.0', clientMode: true, peerInfoMapper: passthroughMapper, initialQuerySelfInterval: 100 }) })
    }
  },
  http: { blockBrokers: [], routers: [] }
})
await helia.start()
const fs = unixfs(helia)
const sha256 = bytes => createHash('sha256').update(bytes).digest('hex')
const all = async it => { const out = []; for await (const x of it) out.push(x); return out }
const signal = (ms = 120_000) => AbortSignal.timeout(ms)
const LONG = 1_500_000
const OFTEN = 400_000 // for what may be asked again

const does = {
  async connect ({ address }) {
    const c = await helia.libp2p.dial(multiaddr(address), { signal: signal() })
    return { peer: c.remotePeer.toString(), encryption: c.encryption, multiplexer: c.multiplexer }
  },
  async connections () {
    return helia.libp2p.getConnections().map(c => ({ peer: c.remotePeer.toString(), encryption: c.encryption, multiplexer: c.multiplexer }))
  },
  async hangup ({ address }) { await helia.libp2p.hangUp(multiaddr(address), { signal: signal() }) },
  async ping ({ address }) { return await helia.libp2p.services.ping.ping(multiaddr(address), { signal: signal() }) },
  // What identify has told of a peer; null: nothing yet.
  async peer ({ id }) {
    const found = (await helia.libp2p.peerStore.all()).find(p => p.id.toString() === id)
    const agent = found?.metadata.get('AgentVersion')
    return agent == null ? null : { agent: Buffer.from(agent).toString(), protocols: found.protocols }
  },
  async cat ({ cid }) {
    const bytes = Buffer.concat(await all(fs.cat(CID.parse(cid), { signal: signal() })))
    return { size: bytes.length, sha256: sha256(bytes) }
  },
  async ls ({ cid }) { return (await all(fs.ls(CID.parse(cid), { signal: signal() }))).map(e => e.name) },
  async block ({ cid }) {
    const parts = await helia.blockstore.get(CID.parse(cid), { signal: signal() })
    const bytes = parts instanceof Uint8Array ? parts : Buffer.concat(await all(parts))
    return { size: bytes.length, sha256: sha256(bytes) }
  },
  // The peers that the DHT names for a CID; and telling it that we have one.
  async providers ({ cid }) {
    const found = []
    for await (const p of helia.libp2p.contentRouting.findProviders(CID.parse(cid), { signal: signal() })) {
      found.push(p.id.toString())
      break
    }
    return found
  },
  async provide ({ cid }) { await helia.libp2p.contentRouting.provide(CID.parse(cid), { signal: signal() }) },
  async has ({ cid }) { return await helia.blockstore.has(CID.parse(cid)) },
  // Keeps bytes as a block of its own, or as a file cut as Helia does.
  async put ({ hex, block, cid }) {
    const bytes = Buffer.from(hex, 'hex')
    if (!block) return (await fs.addBytes(bytes)).toString()
    await helia.blockstore.put(CID.parse(cid), bytes)
    return cid
  },
  // What is large: a file by its path, summed up as it comes; every block of a DAG, 32 at a time.
  async putFile ({ path }) { return (await fs.addByteStream(createReadStream(path), { signal: signal(LONG) })).toString() },
  async sum ({ cid }) {
    const hash = createHash('sha256')
    let size = 0
    for await (const part of fs.cat(CID.parse(cid), { signal: signal(OFTEN), blockReadConcurrency: 16 })) {
      hash.update(part)
      size += part.length
    }
    return { size, sha256: hash.digest('hex') }
  },
  async walk ({ cid }) {
    const { decode } = await pkg('@ipld/dag-pb')
    const seen = new Set([cid])
    const todo = [CID.parse(cid)]
    const until = signal(OFTEN)
    const take = async next => {
      const parts = await helia.blockstore.get(next, { signal: until })
      if (next.code !== 0x70) return
      for (const { Hash } of decode(parts instanceof Uint8Array ? parts : Buffer.concat(await all(parts))).Links) {
        if (seen.has(Hash.toString())) continue
        seen.add(Hash.toString())
        todo.push(Hash)
      }
    }
    while (todo.length > 0) await Promise.all(todo.splice(-32).map(take))
    return seen.size
  },
  // count files of a folder, in folders of a hundred or all in one; each is its number and as many bytes as are wanted.
  async many ({ count, flat, bytes }) {
    const files = function * () {
      for (let i = 0; i < count; i++) {
        const name = `entry-${String(i).padStart(6, '0')}`
        yield { path: flat ? name : `${Math.floor(i / 100)}/${name}`, content: Buffer.from(String(i).padEnd(bytes, '.')) }
      }
    }
    let root
    for await (const entry of fs.addAll(files(), { wrapWithDirectory: true, signal: signal(LONG) })) root = entry
    return root.cid.toString()
  },
  async folder ({ files }) {
    const added = await all(fs.addAll(Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) })), { wrapWithDirectory: true }))
    return added.at(-1).cid.toString()
  }
}

const say = value => process.stdout.write(JSON.stringify(value) + '\n')
say({ id: helia.libp2p.peerId.toString(), addresses: helia.libp2p.getMultiaddrs().map(String) })
for await (const line of createInterface({ input: process.stdin })) {
  const { what, ...args } = JSON.parse(line)
  try {
    say({ value: (await does[what](args)) ?? null })
  } catch (e) {
    say({ error: String(e.stack ?? e) })
  }
}
await helia.stop()
process.exit(0)
