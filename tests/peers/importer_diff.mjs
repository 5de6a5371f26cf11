// Compares our UnixFS importer with npm ipfs-unixfs-importer on generated trees, in both profiles.
// Usage: node importer_diff.mjs DRIVER CRUST MODULES [TREES] [SEED]
// DRIVER builds every tree in memory with any settings; CRUST is the command line, which adds from disk those
// trees that have a profile's own settings.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [driver, crust, modules, treesArg, seedArg] = process.argv.slice(2)
const trees = Number(treesArg ?? 2000)
const load = (name) => import(pathToFileURL(`${modules}/${name}`))
const { importer } = await load('ipfs-unixfs-importer/dist/src/index.js')
const { fixedSize } = await load('ipfs-unixfs-importer/dist/src/chunker/fixed-size.js')
const { balanced } = await load('ipfs-unixfs-importer/dist/src/layout/balanced.js')
const { BlackHoleBlockstore } = await load('blockstore-core/dist/src/black-hole.js')

// A small generator: the same seed gives the same trees.
let state = Number(seedArg ?? 1) >>> 0
const below = (n) => {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), state | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) % n
}
const pick = (list) => list[below(list.length)]

function bytes (size, seed) {
  const out = new Uint8Array(size)
  for (let i = 0; i < size; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    out[i] = seed >>> 24
  }
  return out
}

// Backslash and caret are left out: that importer splits paths at them. So is a name of dots alone.
const odd = ['a b', 'new\nline', 'tab\t', 'é', 'é', '文件', '😀', '﷽', '~', '-rf', '*', '"', "'", '#?&%20',
  'A', 'a', 'aa', '0', ' ', '.hidden', 'x'.repeat(200), '\u007f', '\u0001', '￿', '\u{10000}', 'z.tar.gz']
function name (used) {
  for (;;) {
    let n = below(3) === 0 ? pick(odd) : ''
    for (let i = below(12); i > 0; i--) n += String.fromCharCode(97 + below(26))
    if (n.length === 0 || used.has(n)) continue
    used.add(n)
    return n
  }
}

function fileSize (chunk, links) {
  const edges = [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, links * chunk, links * chunk + 1, links * links * chunk + 1]
  const size = below(3) === 0 ? pick(edges) : below(3 * chunk)
  return Math.min(size, chunk > 100000 ? 3 * chunk : 300 * chunk)
}

// A tree is a list of [kind, name, ...]; directories hold a list of their own.
function makeTree (options, depth, budget) {
  const used = new Set()
  const list = []
  const wide = below(12) === 0 ? 60 : 8
  for (let n = 1 + below(wide); n > 0 && budget.left > 0; n--) {
    budget.left--
    const kind = below(10)
    if (kind === 0) list.push(['l', name(used), '../' + 't'.repeat(1 + below(60))])
    else if (kind < 4 && depth > 0) list.push(['d', name(used), below(6) === 0 ? [] : makeTree(options, depth - 1, budget)])
    else list.push(['f', name(used), fileSize(options.chunk, options.links), below(1 << 30)])
  }
  return list
}

// That importer counts a subdirectory as nothing when it measures a directory, Kubo and we count it in
// full. A tree in which this decides about a HAMT is compared without any.
function ambiguous (list, hamt) {
  let files = 0
  let all = 4
  for (const [kind, n, a] of list) {
    const size = Buffer.byteLength(n)
    if (kind !== 'd') files += size + 34
    all += size + 36 + 30
    if (kind === 'd' && ambiguous(a, hamt)) return true
  }
  return list.some((e) => e[0] === 'd') && files <= hamt && all > hamt
}

// At the threshold itself: names of one length, then one entry more.
function wideTree (count, length, last) {
  const list = []
  for (let i = 0; i < count; i++) {
    const n = i + 1 === count ? last : length
    list.push(['f', String(i).padStart(n, 'n'), 1, 7])
  }
  return list
}

function describe (list, out) {
  const hex = (s) => Buffer.from(s).toString('hex')
  for (const [kind, n, a, b] of list) {
    if (kind === 'd') {
      out.push(`d ${hex(n)}`)
      describe(a, out)
      out.push('u')
    } else if (kind === 'f') out.push(`f ${hex(n)} ${a} ${b}`)
    else out.push(`l ${hex(n)} ${hex(a)}`)
  }
}

function candidates (list, prefix, out) {
  for (const [kind, n, a, b] of list) {
    const path = prefix + n
    if (kind === 'f') out.push({ path, content: bytes(a, b) })
    else if (kind === 'l') out.push({ path, link: a })
    else if (a.length === 0) out.push({ path })
    else candidates(a, path + '/', out)
  }
  return out
}

async function theirs (list, options) {
  const settings = { profile: options.profile, wrapWithDirectory: true }
  if (options.custom) {
    settings.chunker = fixedSize({ chunkSize: options.chunk })
    settings.layout = balanced({ maxChildrenPerNode: options.links })
    settings.shardSplitThresholdBytes = options.hamt
  }
  let root
  for await (const entry of importer(candidates(list, '', []), new BlackHoleBlockstore(), settings)) root = entry
  return root.cid.toString()
}

const child = spawn(driver, { stdio: ['pipe', 'pipe', 'inherit'] })
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

async function ours (list, options) {
  const custom = options.custom ? `${options.chunk} ${options.links} ${options.hamt}` : '0 0 0'
  const lines = [`tree ${options.profile} ${custom}`]
  describe(list, lines)
  lines.push('end')
  child.stdin.write(lines.join('\n') + '\n')
  const { value, done } = await answers.next()
  if (done) throw new Error('the driver ended')
  return value
}

const home = mkdtempSync(join(tmpdir(), 'importer-diff-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))

function writeTree (list, path) {
  mkdirSync(path)
  for (const [kind, n, a, b] of list) {
    if (kind === 'd') writeTree(a, join(path, n))
    else if (kind === 'f') writeFileSync(join(path, n), bytes(a, b))
    else symlinkSync(a, join(path, n))
  }
}

// What a user would type, on real files.
function added (list, options) {
  const path = join(home, 'tree')
  writeTree(list, path)
  try {
    return execFileSync(crust, ['add', '--only-hash', '-r', '-Q', '-H', '--profile', options.profile, path],
      { env: { ...process.env, CRUST_HOME: join(home, 'crust') } }).toString().trim()
  } finally {
    rmSync(path, { recursive: true })
  }
}

const profiles = {
  'unixfs-v0-2015': { chunk: 262144, links: 174 },
  'unixfs-v1-2025': { chunk: 1048576, links: 1024 }
}
const wide = [[4096, 30, 30], [4033, 31, 31], [4766, 11, 21], [4766, 11, 22]]
const wideOnDisk = { 1: 'unixfs-v0-2015', 3: 'unixfs-v1-2025' }
let compared = 0
let failed = 0
let onDisk = 0
for (let t = 0; t < trees; t++) {
  const custom = t % 20 !== 0 && t >= wide.length
  const knobs = { custom, chunk: pick([1, 7, 16, 64, 100]), links: pick([2, 3, 5, 16]), hamt: pick([1, 50, 300, 2000, 262144]) }
  const shape = below(1 << 30)
  for (const profile of Object.keys(profiles)) {
    const options = custom ? { ...knobs, profile } : { ...profiles[profile], custom, profile }
    state = shape // both profiles see the same choices
    const list = t < wide.length ? wideTree(...wide[t]) : makeTree(options, 1 + below(6), { left: custom ? 40 : 3 })
    if (custom && ambiguous(list, options.hamt)) options.hamt = 262144
    const [a, b] = await Promise.all([ours(list, options), theirs(list, options)])
    // Of the wide ones only those that just become a HAMT: thousands of files take their time.
    const disk = !custom && (t >= wide.length || wideOnDisk[t] === profile)
    const c = disk ? added(list, options) : b
    onDisk += disk ? 1 : 0
    compared++
    if (a === b && c === b) continue
    failed++
    if (failed > 5) continue
    console.log(`# tree ${t} ${JSON.stringify(options)}: ours ${a}, crust add ${c}, theirs ${b}`)
    console.log('# ' + JSON.stringify(list).slice(0, 2000))
  }
}
child.stdin.end()
console.log(`${failed === 0 ? 'ok' : 'not ok'} - importer: ${compared} trees (${onDisk} from disk by crust add) as ipfs-unixfs-importer makes them, ${failed} differ`)
process.exit(failed === 0 ? 0 : 1)
