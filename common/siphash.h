/*
 * siphash - SipHash-2-4 with 128 bits: a keyed hash whose results cannot be foreseen or made to
 * collide without the key (Aumasson, Bernstein: "SipHash: a fast short-input PRF"). For what an
 * enemy chooses and a table of fixed size keeps. Pure.
 */
#ifndef COMMON_SIPHASH_H
#define COMMON_SIPHASH_H

#include <stdint.h>

#include "common/str.h"

struct siphash {
    uint64_t half[2];
};

struct siphash siphash(const uint64_t key[2], struct str bytes);

#endif
