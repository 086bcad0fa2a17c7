/*
 * settings - the table of all settings, one row for each. From it come parsing, defaults, bounds,
 * error texts, the dump and full.yaml. A new setting is a row here and a field in config.h.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

/* What a value looks like, and the C type of the field that it fills. */
enum setting_type {
    SET_BOOL,        /* bool: on, true, yes; off, false, no */
    SET_SWITCH,      /* bool: one of two words of its own */
    SET_WORD,        /* unsigned, which of its words: off, on and others */
    SET_ENCODINGS,   /* unsigned, a set of enum encoding: on, off or a list of names */
    SET_LOG_LEVEL,   /* enum log_level */
    SET_WORKERS,     /* unsigned: auto or a number */
    SET_UNSIGNED,    /* unsigned */
    SET_COUNT,       /* uint64_t */
    SET_SIZE,        /* uint64_t, bytes */
    SET_DURATION,    /* uint64_t, milliseconds */
    SET_MODE,        /* unsigned, permissions of a file */
    SET_ACCOUNT,     /* char *: a user's or group's name or id */
    SET_MEDIA_TYPE,  /* char * */
    SET_CHARSET,     /* char *, "" for none */
    SET_REALM,       /* char *, "" for none */
    SET_PATH,        /* char *, absolute; NULL for none */
    SET_SOCKET_PATH, /* char *, the same and short enough for a Unix socket */
    SET_ACCESS_LOG,  /* int, an index into config->access_logs */
    SET_INDEX,       /* scope->index and index_count */
    SET_ERROR_PAGES, /* scope->error_pages and error_page_count */
    SET_WORDS,       /* struct words: see config/shapes.h */
    SET_PAIRS,       /* struct pairs */
    SET_FIELDS,      /* struct pairs, names may repeat: a child's come behind its parent's */
    SET_TEXT,        /* char *, NULL for none */
    SET_REWRITES,    /* struct pairs in order, names may repeat: see config/kinds.h */
    SET_REDIRECT,    /* struct redirect: see config/kinds.h */
    SET_RESPOND,     /* struct respond */
    SET_LISTEN,      /* config->listens and listen_count */
    SET_ACCESS,      /* struct access_list */
    SET_NETWORKS,    /* struct network_list */
    SET_LIMIT_REQ,   /* struct limit_req */
    SET_REAL_IP,     /* enum real_ip_header */
    SET_METHODS,     /* struct method_list */
    SET_GROUP, /* a map of further settings, whose scope is in `group`; "off" sets the field to 0 */
    SET_STRUCTURE, /* sites, routes and what names them: read by load.c */
};

/* Where a setting may stand: any of these. */
enum setting_scope {
    SCOPE_SERVER = 1,
    SCOPE_SITE = 2,
    SCOPE_ROUTE = 4,
    SCOPE_FILE_CACHE = 8, /* inside of open_file_cache */
    SCOPE_HEADERS = 16,   /* inside of headers */
    SCOPE_CORS = 32,      /* inside of cors */
    SCOPE_INHERITED = SCOPE_SERVER | SCOPE_SITE | SCOPE_ROUTE,
};

enum { SETTING_WORDS = 4 };

/* NULL: good; else what would be right. */
typedef const char *setting_check(struct str text);

struct setting {
    const char *name;
    enum setting_type type;
    unsigned scopes;
    size_t offset;            /* of the field, in struct config or struct scope */
    const char *default_text; /* YAML, read like an operator's; NULL: none, or found by load.c */
    const char *none;         /* the word for "nothing of it", stored as 0 or NULL; may be NULL */
    const char *words[SETTING_WORDS]; /* SET_SWITCH: for false and for true; SET_WORD: each value */
    uint64_t min, max;                /* of a number, in the field's unit */
    enum setting_scope group;         /* SET_GROUP */
    setting_check *check;             /* of each word or value; NULL: all are good */
    setting_check *check_name;        /* SET_PAIRS: of each name */
    const char *example; /* of a value, where the type alone does not tell; may be NULL */
    const char *heading; /* full.yaml starts a section before this row; mostly NULL */
    const char *help;
};

extern const struct setting settings[]; /* in the order of the dump */
extern const size_t setting_count;

/* True: the field is in struct scope; false: in struct config. */
bool setting_is_scoped(const struct setting *row);

/* Columns that the row stands right of its place: of a group's members 2, else 0. */
unsigned setting_indent(const struct setting *row);

/* Whether some member of a group has a default. */
bool setting_group_has_default(const struct setting *group);

/* The row that may stand in `scope`, else one of this name from another scope, else NULL. */
const struct setting *setting_find(struct str name, unsigned scope);

/* The name that was probably meant, of this scope if possible; NULL: nothing is near. */
const char *setting_guess(struct str name, unsigned scope);

/* What the setting takes: "a whole number from 1 to 1024", "a size from 64 to 256KiB, as in 8KiB". */
void setting_describe(const struct setting *row, struct buf *out);

/* 65536 as "64KiB", 30000 as "30s": the largest unit that divides. */
void setting_format_number(enum setting_type type, uint64_t value, struct buf *out);

#endif
