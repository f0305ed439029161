/**
 * Bits of the code of each byte (RFC 7541, appendix B). The code is canonical: shorter codes come first, codes of one length
 * in the order of their bytes, so the lengths tell all of it.
 */
const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26,
]
/** The end of the string, which pads the last byte and stands nowhere else. */
const endOfString = 256
const endOfStringBits = 30
const maxPaddingBits = 7

/** An entry of {@link steps}: the node that four bits lead to, and the byte that is complete on the way there, if any. */
const nodeMask = 0x1ff
const hasByte = 0x200
const isInvalid = 0x400
const byteShift = 16

/** Entries by `node << 4 | bits`: no code is as short as four bits, so at most one byte is complete in a step. */
const steps = new Uint32Array(256 << 4)
/** Whether a string may end at a node: after at most seven bits of the end of string, all of them ones. */
const mayEnd = new Uint8Array(256)

/** Children of the inner nodes of the code's tree: a node, or `~byte` of a leaf. */
type Tree = [zero: number, one: number][]

function buildTree(): Tree {
  const lengths = [...codeLengths, endOfStringBits]
  const order = Array.from(lengths.keys()).sort((a, b) => lengths[a] - lengths[b] || a - b)
  const tree: Tree = [[0, 0]]
  let code = 0
  let bits = 0
  for (const symbol of order) {
    code <<= lengths[symbol] - bits
    bits = lengths[symbol]
    let node = 0
    for (let bit = bits - 1; bit > 0; bit--) {
      const side = (code >>> bit) & 1
      if (tree[node][side] === 0) tree[node][side] = tree.push([0, 0]) - 1
      node = tree[node][side]
    }
    tree[node][code & 1] = ~symbol
    code++
  }
  return tree
}

function fillTables(tree: Tree): void {
  for (const node of tree.keys()) {
    for (let bits = 0; bits < 16; bits++) steps[(node << 4) | bits] = stepOf(tree, node, bits)
  }
  let node = 0
  for (let padding = 0; padding <= maxPaddingBits; padding++) {
    mayEnd[node] = 1
    node = tree[node][1]
  }
}

function stepOf(tree: Tree, from: number, bits: number): number {
  let node = from
  let entry = 0
  for (let bit = 3; bit >= 0; bit--) {
    const child = tree[node][(bits >>> bit) & 1]
    if (child >= 0) node = child
    else if (~child === endOfString) return isInvalid
    else {
      entry = hasByte | (~child << byteShift)
      node = 0
    }
  }
  return entry | node
}

fillTables(buildTree())

/** The shortest code has five bits. */
export const maxHuffmanExpansion = 8 / 5

/** Decodes `source[start, end)` into `target`, which has room for {@link maxHuffmanExpansion} as much. @returns bytes written, -1 for a string that is no code */
export function decodeHuffman(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let node = 0
  let size = 0
  for (let at = start; at < end; at++) {
    const byte = source[at]
    let step = steps[(node << 4) | (byte >>> 4)]
    if (step & hasByte) target[size++] = step >>> byteShift
    if (step & isInvalid) return -1
    step = steps[((step & nodeMask) << 4) | (byte & 15)]
    if (step & hasByte) target[size++] = step >>> byteShift
    if (step & isInvalid) return -1
    node = step & nodeMask
  }
  return mayEnd[node] === 1 ? size : -1
}
