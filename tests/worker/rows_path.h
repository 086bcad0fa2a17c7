/*
 * rows_path - what path_clean() has to say to which path: for the unit test, and where its fuzzer
 * starts from.
 */
#ifndef TESTS_WORKER_ROWS_PATH_H
#define TESTS_WORKER_ROWS_PATH_H

#include "worker/path.h"

#define CLEAN(raw, clean) STR_INIT(raw), PATH_CLEAN, STR_INIT(clean)
#define BAD(raw)             \
    STR_INIT(raw), PATH_BAD, \
    {                        \
        NULL, 0              \
    }
#define NOT_FOUND(raw)             \
    STR_INIT(raw), PATH_NOT_FOUND, \
    {                              \
        NULL, 0                    \
    }

static const struct {
    const char *why;
    struct str raw;
    enum path_result expect;
    struct str clean;
} path_rows[] = {
    { "root", CLEAN("/", "/") },
    { "file", CLEAN("/a", "/a") },
    { "folder", CLEAN("/a/b/", "/a/b/") },
    { "case is kept, RFC 3986 6.2.2.1", CLEAN("/A/b", "/A/b") },
    { "colon, at, sub-delims", CLEAN("/a:b@c!$&'()*+,;=", "/a:b@c!$&'()*+,;=") },
    { "plus is no space", CLEAN("/a+b", "/a+b") },
    { "bytes that should have been encoded", CLEAN("/\"<>\\^`{|}", "/\"<>\\^`{|}") },
    { "obs bytes", CLEAN("/\xc3\xa9\xff", "/\xc3\xa9\xff") },
    { "file of dots", CLEAN("/...", "/...") },
    { "dot files", CLEAN("/.a/..b/c./d..", "/.a/..b/c./d..") },

    { "unreserved, RFC 3986 6.2.2.2", CLEAN("/%41%7e%2D", "/A~-") },
    { "hex digits in any case, RFC 3986 2.1", CLEAN("/%c3%A9%aA%Aa", "/\xc3\xa9\xaa\xaa") },
    { "space", CLEAN("/a%20b", "/a b") },
    { "question mark is data", CLEAN("/a%3Fb", "/a?b") },
    { "hash is data", CLEAN("/a%23b", "/a#b") },
    { "backslash is data", CLEAN("/a%5cb", "/a\\b") },
    { "decoded once, RFC 3986 2.4", CLEAN("/%2541", "/%41") },
    { "decoded once: dots", CLEAN("/a/%252e%252e/b", "/a/%2e%2e/b") },
    { "decoded once: slash", CLEAN("/%252f", "/%2f") },
    { "percent sign", CLEAN("/100%25", "/100%") },
    { "control characters may name files", CLEAN("/%01%0a%0D%7f", "/\x01\n\r\x7f") },
    { "at the very end", CLEAN("/%61", "/a") },

    { "dot, RFC 3986 5.2.4", CLEAN("/a/./b", "/a/b") },
    { "dot first", CLEAN("/./a", "/a") },
    { "dot last is a folder", CLEAN("/a/.", "/a/") },
    { "dot last, with slash", CLEAN("/a/./", "/a/") },
    { "dot alone", CLEAN("/.", "/") },
    { "dots alone, with slash", CLEAN("/./", "/") },
    { "many dots", CLEAN("/./././a/././.", "/a/") },
    { "encoded dot", CLEAN("/a/%2e/b", "/a/b") },
    { "encoded dot last", CLEAN("/a/%2E", "/a/") },
    { "up", CLEAN("/a/b/../c", "/a/c") },
    { "up last is a folder", CLEAN("/a/b/..", "/a/") },
    { "up last, with slash", CLEAN("/a/b/../", "/a/") },
    { "up to the root", CLEAN("/a/..", "/") },
    { "up to the root, with slash", CLEAN("/a/../", "/") },
    { "up at the root stays, RFC 3986 5.4.2", CLEAN("/..", "/") },
    { "up at the root, with slash", CLEAN("/../", "/") },
    { "up at the root, then down", CLEAN("/../../../etc/passwd", "/etc/passwd") },
    { "up too often", CLEAN("/a/b/../../../c", "/c") },
    { "up and down", CLEAN("/a/../b/../c/./../d", "/d") },
    { "RFC 3986 5.2.4's example", CLEAN("/a/b/c/./../../g", "/a/g") },
    { "encoded up", CLEAN("/a/%2e%2e/b", "/b") },
    { "half encoded up", CLEAN("/a/.%2E/b", "/b") },
    { "other half encoded up", CLEAN("/a/%2e./b", "/b") },
    { "encoded up last", CLEAN("/a/b/%2e%2e", "/a/") },
    { "encoded up above the root", CLEAN("/%2e%2e/%2e%2e/x", "/x") },
    { "up over an encoded segment", CLEAN("/%61%62/../c", "/c") },
    { "three encoded dots are a name", CLEAN("/%2e%2e%2e", "/...") },
    { "dots with something behind", CLEAN("/..a/.a/a../%2e%2ea", "/..a/.a/a../..a") },
    { "dots and a backslash are a name", CLEAN("/..\\..\\x", "/..\\..\\x") },
    { "dots and an encoded backslash are a name", CLEAN("/..%5c..%5cx", "/..\\..\\x") },

    { "empty segments are merged", CLEAN("//a//b", "/a/b") },
    { "only slashes", CLEAN("////", "/") },
    { "empty segment last", CLEAN("/a//", "/a/") },
    { "up over empty segments", CLEAN("/a//../b", "/b") },
    { "up over empty segments at the root", CLEAN("//../b", "/b") },
    { "dot between empty segments", CLEAN("/a//.//b", "/a/b") },
    { "looks like an authority", CLEAN("//evil.example/x", "/evil.example/x") },

    { "nothing", BAD("") },
    { "no slash", BAD("a") },
    { "asterisk", BAD("*") },
    { "encoded slash first", BAD("%2fa") },
    { "cut after percent, RFC 3986 2.1", BAD("/a%") },
    { "cut after one digit", BAD("/a%4") },
    { "cut by a slash", BAD("/a%4/b") },
    { "no hex digits", BAD("/%zz") },
    { "second is no hex digit", BAD("/%4g") },
    { "first is no hex digit", BAD("/%g4") },
    { "percent twice", BAD("/%%41") },
    { "sign is no hex digit", BAD("/%+1") },
    { "white space is no hex digit", BAD("/% 1") },
    { "encoded NUL", BAD("/a%00") },
    { "encoded NUL before a suffix", BAD("/a%00.html") },
    { "NUL", BAD("/a\0b") },
    { "bad encoding in a segment that goes", BAD("/%zz/../a") },
    { "NUL in a segment that goes", BAD("/%00/../a") },
    { "bad behind an encoded slash", BAD("/%2f%zz") },

    { "encoded slash is data", NOT_FOUND("/a%2Fb") },
    { "in lower case too", NOT_FOUND("/a%2fb") },
    { "encoded slash last", NOT_FOUND("/a%2f") },
    { "encoded slash in dots", NOT_FOUND("/..%2f..%2fetc/passwd") },
    { "encoded slash, all encoded", NOT_FOUND("/%2e%2e%2f%2e%2e%2fetc") },
    { "encoded slash in a segment that goes", NOT_FOUND("/a%2fb/../c") },
};

enum { PATH_ROW_COUNT = sizeof(path_rows) / sizeof(path_rows[0]) };

#undef CLEAN
#undef BAD
#undef NOT_FOUND

#endif
