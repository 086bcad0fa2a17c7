#include "common/siphash.h"

#include <endian.h>

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(uint64_t v[4], int count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void add_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

static uint64_t finish(uint64_t v[4])
{
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct siphash siphash(const uint64_t key[2], struct str bytes)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d ^ 0xee,
                      key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
    struct siphash hash;
    uint64_t word;
    size_t at;

    for (at = 0; at + 8 <= bytes.n; at += 8) {
        memcpy(&word, bytes.p + at, 8);
        add_word(v, le64toh(word));
    }
    word = 0;
    if (at < bytes.n)
        memcpy(&word, bytes.p + at, bytes.n - at);
    add_word(v, le64toh(word) | (uint64_t)bytes.n << 56);
    v[2] ^= 0xee;
    hash.half[0] = finish(v);
    v[1] ^= 0xdd;
    hash.half[1] = finish(v);
    return hash;
}
