/*
 * config - what the operator wrote, checked and complete: every default filled in, every path
 * absolute, every child merged with its parents. Built whole, never changed afterwards, freed
 * whole. The master and each worker build their own from the same text.
 *
 * Three scopes nest: the server, its sites (chosen by Host), a site's routes (chosen by path).
 * What a child does not set it inherits.
 *
 *     struct config_errors errors = { 0 };
 *     struct config *config = config_load("/etc/remuda/remuda.yaml", &errors);
 *     if (config == NULL)
 *         fputs(config_errors_text(&errors), stderr);
 *     config_errors_fini(&errors);
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/address.h"
#include "common/cidr.h"
#include "common/log.h"
#include "common/str.h"
#include "config/encodings.h"
#include "config/errors.h"
#include "config/places.h"

enum {
    CONFIG_WORKERS_MAX = 1024,
    ACCESS_LOG_OFF = -1,
    LISTENS_MAX = 64,     /* bits of site.listen_mask */
    ROUTE_DEPTH_MAX = 63, /* segments of a route's path */
};

/* Texts in the order written, each its own allocation. */
struct words {
    char **list;
    size_t count;
};

/* The same by name; a child's map adds to its parent's and wins where the names are equal. */
struct pairs {
    struct pair {
        char *name, *value;
    } * list;
    size_t count;
};

/* The answer to an error, by status: `error_pages: {404: /404.html}`. */
struct error_page {
    unsigned status; /* 400 to 599 */
    char *path;      /* a path inside the route's root, starting with '/'; owned */
};

/* `access`: the first rule whose network has the client decides; none: it may. */
struct access_rule {
    struct cidr from;
    bool is_allowed;
};

struct access_list {
    struct access_rule *list; /* in order; owned */
    size_t count;
};

struct network_list {
    struct cidr *list; /* owned */
    size_t count;
};

/* `limit_req`: a bucket of `burst` + 1 requests for each client, filled again at `rate`. */
struct limit_req {
    unsigned rate; /* 0: no limit */
    bool is_per_minute;
    unsigned burst, status;
    unsigned line, column; /* where it was written: those who inherit it share its buckets */
};

/* Where a trusted proxy tells who its client is. */
enum real_ip_header {
    REAL_IP_OFF,
    REAL_IP_X_FORWARDED_FOR,
    REAL_IP_FORWARDED, /* RFC 7239 */
    REAL_IP_X_REAL_IP,
    REAL_IP_COUNT
};

extern const char *const real_ip_header_names[REAL_IP_COUNT];

struct method_list {
    char **list; /* owned, with the texts */
    size_t count;
};

enum etag_kind {
    ETAG_OFF,
    ETAG_ON,      /* by inode, size and time: costs nothing */
    ETAG_CONTENT, /* by the bytes: the same on every machine */
};

enum log_target { LOG_TO_FILE, LOG_TO_STDERR, LOG_TO_STDOUT, LOG_TO_SYSLOG };

enum { LOG_SHARE_ALL = 1000000 };

/* `access_log`: where lines go, what they say, and of which requests. */
struct access_log_config {
    char *text; /* as the dump writes it: two with the same text are the same; owned */
    enum log_target target;
    char *path;                  /* LOG_TO_FILE: absolute; else NULL; owned */
    struct address syslog;       /* LOG_TO_SYSLOG: datagrams go there */
    unsigned facility, severity; /* RFC 5424, 6.2.1 */
    char *tag;                   /* its APP-NAME; owned */
    char *format;                /* see config/log_format.h; owned */
    /* A request is logged if one of these holds; of the others the share is. */
    uint8_t if_status[75]; /* bit i % 8 of byte i / 8: status i */
    bool has_if_status;
    uint64_t if_slower_ms; /* 0: none */
    unsigned share;        /* of LOG_SHARE_ALL */
};

/* Where the id of a request comes from; what is not taken is made here. */
enum request_id_source {
    REQUEST_ID_OFF,
    REQUEST_ID_ON,      /* from nowhere */
    REQUEST_ID_TRUSTED, /* from trusted_proxies */
    REQUEST_ID_ANY,     /* from whoever sends one */
};

/* What a server, a site and a route can all set; a route's copy is complete after inheritance. */
struct scope {
    char *root;  /* docroot: the whole request path is looked up below it; absolute;
                               NULL: the route has an alias */
    char *alias; /* routes only, instead of root: what follows the route's path is looked
                               up below it; absolute; NULL: not set */
    const struct config_places *places; /* where it is set what; borrowed from the config */
    char **index;                       /* file names tried for a directory, in order */
    size_t index_count;                 /* 0: no index */
    bool is_dotfiles_shown; /* else names that start with '.' are not found, but /.well-known/ */
    bool has_listing;       /* of folders without an index */
    uint64_t listing_max;   /* entries of one */
    char *default_type;     /* media type where the name tells none */
    char *charset;          /* added to text types; "" adds none */
    unsigned etag;          /* enum etag_kind */
    unsigned precompressed; /* encodings whose files beside the file asked for are served */
    unsigned compress;      /* encodings that are made once and kept */
    struct words compress_types; /* media types, with at most one '*' each */
    uint64_t compress_min_bytes, compress_max_bytes;
    unsigned max_ranges; /* of one request; more are answered whole; 0: Range is ignored */
    unsigned request_id; /* enum request_id_source */
    int access_log;      /* index into config->access_logs, or ACCESS_LOG_OFF */
    uint64_t client_max_body_bytes; /* a larger request body is answered 413; 0: no limit */
    struct error_page *error_pages;
    size_t error_page_count;
    struct access_list access;
    struct limit_req limit_req;
    uint64_t limit_conn;        /* requests of one client under way at a time; 0: no limit */
    char *auth_basic;           /* realm: who asks must say who he is; NULL or "": nobody must */
    char *auth_basic_user_file; /* absolute; set wherever auth_basic is */
    struct method_list allowed_methods; /* count 0: all that the handler knows */
    struct pairs types;                 /* media types by extension, before the built-in table */
    char *cache_control;                /* of files; NULL: none */
    struct pairs expires; /* a media type, all of one kind, or "default": to a time, or "off" */

    bool has_server_header; /* send `Server: remuda` */
    bool has_security_headers;
    struct pairs headers_set, headers_add;
    struct words headers_remove;
    struct words cors_origins; /* "*" or origins; empty: no CORS */
    struct words cors_methods, cors_headers, cors_expose;
    bool cors_credentials;
    uint64_t cors_max_age_ms;

    struct words tries;     /* paths looked up in turn, "=404" as the last; empty: the path */
    bool redirects_folders; /* else a folder without its '/' is answered by its index */
    struct pairs rewrites;  /* of a route: expression and path, the first match counts; applied to
                              what is looked up. A site's stand in struct site */

    /* routes only: without the right method and fields the route is passed over */
    struct words methods;         /* empty: all */
    struct pairs request_headers; /* value "*": there, whatever its value */

    /* routes only: what the route does instead of serving files; at most one of them */
    struct redirect {
        char *to; /* see config/template.h; NULL: no redirect */
        unsigned status;
    } redirect;
    struct respond {
        unsigned status; /* 0: no fixed response */
        char *body;      /* NULL: none, or the error page */
        char *type;
    } respond;
    bool has_status_page;
};

enum route_match {
    MATCH_EXACT,  /* this path and no other */
    MATCH_REGEX,  /* PCRE2, see common/regex.h */
    MATCH_PREFIX, /* this path and what lies below it, by whole segments */
};

struct route {
    enum route_match match;
    char *path; /* starts with '/'; MATCH_REGEX: the expression */
    struct scope scope;
    unsigned line, column; /* where the config defines its path; 0: implied */
};

struct site {
    char **hosts; /* lower case; "example.org", "*.example.org", or "*" for the default site */
    size_t host_count;
    uint64_t listen_mask;  /* bit i: answers at config->listens[i]; without `listen`: all bits */
    struct pairs rewrites; /* expression and path, before a route is looked for */
    struct route *routes;  /* as they are tried: exact, expressions as written, longest path first;
                             those of one path as written, but one without matchers last. The last
                             one is "/" without matchers, made from the site itself if need be */
    size_t route_count;
    struct words varies; /* request fields that its routes test: answers depend on them; "*":
                             too many to tell */
    unsigned line;       /* 0: implied */
};

/* Whole-server settings. Times in milliseconds, sizes in bytes. */
struct config {
    char *path; /* the file, absolute; NULL: built from command-line arguments */

    /* processes */
    unsigned workers; /* 1 to CONFIG_WORKERS_MAX, `auto` already resolved to the usable CPUs */
    bool cpu_affinity;
    char *user, *group;     /* NULL: keep; group NULL with a user: the user's group */
    uint64_t rlimit_nofile; /* 0: leave as it is */
    bool no_new_privs, daemon;
    char *pid_file;                                      /* absolute; NULL: none */
    char *control_socket;                                /* absolute; NULL: none */
    unsigned control_socket_mode;                        /* permissions */
    char *control_socket_group;                          /* NULL: keep */
    bool is_pid_file_default, is_control_socket_default; /* not named: failing costs a warning */

    /* listening: every address once, in the order written; "8080" stands here as two */
    struct listen {
        struct address address;
        bool is_wildcard_ipv6;   /* came from a bare port: skipped where the machine has no IPv6 */
        size_t default_site;     /* answers here when no host matches */
        bool has_proxy_protocol; /* connections begin with a PROXY header, from trusted_proxies */
        unsigned line;
    } * listens;
    size_t listen_count;
    unsigned backlog;
    uint64_t defer_accept_ms; /* TCP_DEFER_ACCEPT, rounded up to seconds; 0: off */

    /* who stands in front of us, and may say for whom it speaks */
    struct network_list trusted_proxies;
    enum real_ip_header real_ip_header;

    /* logs */
    char *error_log;           /* absolute path; NULL: stderr */
    unsigned error_log_format; /* enum log_layout */
    enum log_level log_level;
    struct access_log_config *access_logs; /* distinct; scope.access_log points here; owned */
    size_t access_log_count;
    uint64_t access_log_buffer_bytes, access_log_flush_ms;
    uint64_t log_queue_bytes; /* of lines that wait to be written, in each process */

    /* connections */
    uint64_t worker_connections;       /* per worker */
    bool has_connection_balance;       /* new ones go to the worker that has the fewest */
    uint64_t keepalive_requests;       /* per connection */
    uint64_t client_header_timeout_ms; /* from a request's first byte to the end of its head: 408 */
    uint64_t client_body_timeout_ms;   /* window in which a body must make min_rate */
    uint64_t send_timeout_ms;          /* window in which a response must make min_rate */
    uint64_t min_rate;                 /* bytes per second, both ways; 0: any progress will do */
    uint64_t keepalive_timeout_ms;     /* idle between requests; 0: no keep-alive */
    uint64_t lingering_timeout_ms;     /* silence that ends a lingering close */
    uint64_t lingering_time_ms;        /* its longest duration */
    uint64_t worker_shutdown_timeout_ms; /* a graceful stop ends after it; 0: waits for ever */
    uint64_t worker_stuck_timeout_ms;    /* a worker that does nothing is ended; 0: never */

    /* what a request may cost */
    uint64_t request_line_max_bytes;   /* 414 */
    uint64_t request_header_max_bytes; /* all field lines together: 431 */
    uint64_t request_header_max_count; /* 431 */

    /* sending and caching */
    uint64_t sendfile_max_chunk_bytes;     /* of one response, per turn of the loop */
    uint64_t open_file_cache_max;          /* entries per worker; 0: no cache */
    uint64_t open_file_cache_memory_bytes; /* bodies held in memory, per worker */
    uint64_t open_file_cache_small_bytes;  /* files up to this size are held in memory */
    uint64_t open_file_cache_valid_ms;     /* recheck by age where a change cannot be watched */
    bool open_file_cache_watch;            /* inotify */
    uint64_t compress_memory_bytes;        /* what compression made, per worker */

    uint64_t recall_memory_bytes;  /* answers given again; 0: none are kept */
    uint64_t listing_memory_bytes; /* all that a worker reads or sends together */

    struct site *sites;
    size_t site_count;
    const struct config_places *places; /* of the settings above */
    struct config_places *all_places;   /* owned */
    size_t default_site;                /* answers when no host matches and no listener is known */
    bool has_site_listens;              /* some site answers at some addresses only */
};

/*
 * Reads and checks the file at `path`. NULL: `errors` says all that is wrong. Does not look
 * whether roots or log folders exist: the process that opens them says so.
 */
struct config *config_load(const char *path, struct config_errors *errors);

/*
 * The same for a text in memory. `path` names it in messages and its folder is where relative
 * paths start; NULL: the text comes from the command line and relative paths start at the current
 * folder.
 */
struct config *config_parse(struct str text, const char *path, struct config_errors *errors);
void config_free(struct config **config);

/* The effective config as YAML, defaults and inherited values included; it loads to the same. */
void config_dump(const struct config *config, FILE *out);

/* Every setting with its default, bounds and meaning, as a YAML file that loads as it is. */
void config_write_full(FILE *out);

/* The same as the manual page remuda.yaml(5). */
void config_write_manual(FILE *out);

#endif
