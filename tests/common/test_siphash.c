#include "common/siphash.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Of the authors' reference: key 00..0f, message 00, 01, 02, ... of this many bytes. */
Test(siphash, is_that_of_its_authors)
{
    static const struct {
        size_t n;
        const char *hash;
    } rows[] = {
        { 0, "\xa3\x81\x7f\x04\xba\x25\xa8\xe6\x6d\xf6\x72\x14\xc7\x55\x02\x93" },
        { 1, "\xda\x87\xc1\xd8\x6b\x99\xaf\x44\x34\x76\x59\x11\x9b\x22\xfc\x45" },
        { 2, "\x81\x77\x22\x8d\xa4\xa4\x5d\xc7\xfc\xa3\x8b\xde\xf6\x0a\xff\xe4" },
        { 3, "\x9c\x70\xb6\x0c\x52\x67\xa9\x4e\x5f\x33\xb6\xb0\x29\x85\xed\x51" },
    };
    static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *message = malloc(rows[i].n + (rows[i].n == 0));
        struct siphash hash;

        for (size_t j = 0; j < rows[i].n; j++)
            message[j] = (char)j;
        hash = siphash(key, (struct str){ message, rows[i].n });
        cr_expect_eq(memcmp(&hash, rows[i].hash, 16), 0, "%zu bytes: %016lx %016lx", rows[i].n,
                     (unsigned long)hash.half[0], (unsigned long)hash.half[1]);
        free(message);
    }
}

Test(siphash, differs_in_each_bit_of_key_and_message_and_in_length)
{
    uint64_t key[2] = { 1, 2 };
    char message[24] = { 0 };
    struct siphash first = siphash(key, (struct str){ message, 23 }), other;

    for (int bit = 0; bit < 128; bit++) {
        key[bit / 64] ^= UINT64_C(1) << bit % 64;
        other = siphash(key, (struct str){ message, 23 });
        key[bit / 64] ^= UINT64_C(1) << bit % 64;
        cr_expect(other.half[0] != first.half[0] && other.half[1] != first.half[1]);
    }
    for (int bit = 0; bit < 23 * 8; bit++) {
        message[bit / 8] = (char)(1 << bit % 8);
        other = siphash(key, (struct str){ message, 23 });
        message[bit / 8] = 0;
        cr_expect(other.half[0] != first.half[0] && other.half[1] != first.half[1]);
    }
    other = siphash(key, (struct str){ message, 24 });
    cr_expect_neq(other.half[0], first.half[0]);
}
