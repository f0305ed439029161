/** Header blocks of one connection each, in their order, and what they mean: RFC 7541, appendix C. */
type Example = {
  readonly name: string
  readonly blocks: readonly { readonly bytes: string; readonly headers: readonly (readonly [string, string])[] }[]
}

const requests: Example['blocks'][number]['headers'][] = [
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
    ['cache-control', 'no-cache'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ],
]

export const examples: readonly Example[] = [
  {
    name: 'C.2.1: a literal with indexing',
    blocks: [
      {
        bytes: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
        headers: [['custom-key', 'custom-header']],
      },
    ],
  },
  {
    name: 'C.2.2: a literal without indexing',
    blocks: [{ bytes: '040c 2f73 616d 706c 652f 7061 7468', headers: [[':path', '/sample/path']] }],
  },
  {
    name: 'C.2.3: a literal that is never indexed',
    blocks: [{ bytes: '1008 7061 7373 776f 7264 0673 6563 7265 74', headers: [['password', 'secret']] }],
  },
  { name: 'C.2.4: an indexed field', blocks: [{ bytes: '82', headers: [[':method', 'GET']] }] },
  {
    name: 'C.3: requests without Huffman codes',
    blocks: [
      { bytes: '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', headers: requests[0] },
      { bytes: '8286 84be 5808 6e6f 2d63 6163 6865', headers: requests[1] },
      {
        bytes: '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
        headers: requests[2],
      },
    ],
  },
  {
    name: 'C.4: requests with Huffman codes',
    blocks: [
      { bytes: '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', headers: requests[0] },
      { bytes: '8286 84be 5886 a8eb 1064 9cbf', headers: requests[1] },
      { bytes: '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', headers: requests[2] },
    ],
  },
  {
    name: 'C.6: responses with Huffman codes, in a table of 256 bytes that is too small for all',
    blocks: [
      // A table of 256 bytes first: the examples take it as agreed.
      { bytes: '3fe1 01', headers: [] },
      {
        bytes: `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
          63c7 8f0b 97c8 e9ae 82ae 43d3`,
        headers: [
          [':status', '302'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
          ['location', 'https://www.example.com'],
        ],
      },
      {
        bytes: '4883 640e ffc1 c0bf',
        headers: [
          [':status', '307'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
          ['location', 'https://www.example.com'],
        ],
      },
      {
        bytes: `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
          b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
        headers: [
          [':status', '200'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
          ['location', 'https://www.example.com'],
          ['content-encoding', 'gzip'],
          ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
        ],
      },
    ],
  },
]
