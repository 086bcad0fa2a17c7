/*
 * Configs with one mistake each, the place where it must be shown and words that the message must
 * have. Read by test_bad_configs.c; tests/fuzz starts from them too.
 */
#ifndef TESTS_CONFIG_ROWS_BAD_CONFIGS_H
#define TESTS_CONFIG_ROWS_BAD_CONFIGS_H

#define R "root: /r\n" /* line 1 of most: what stands behind it begins in line 2 */
#define S "root: /r\nsites:\n  - hosts: a.example\n" /* lines 1 to 3, inside of a site */
#define T S "    routes:\n      - path: /a\n"        /* lines 1 to 5, inside of a route */

static const struct bad_row {
    const char *why, *text;
    unsigned line, column;
    const char *phrase;
} bad_rows[] = {
    /* names */
    { "one letter is missing", R "worker: 4\n", 2, 1, "did you mean \"workers\"?" },
    { "one letter is wrong", R "listem: 80\n", 2, 1, "did you mean \"listen\"?" },
    { "letters are swapped", R "idnex: a.html\n", 2, 1, "did you mean \"index\"?" },
    { "capital letters", R "Workers: 4\n", 2, 1, "did you mean \"workers\"?" },
    { "hyphens", R "keepalive-timeout: 4s\n", 2, 1, "did you mean \"keepalive_timeout\"?" },
    { "nginx's word for hosts", S "    server_name: b\n", 4, 5, "did you mean \"hosts\"?" },
    { "nginx's word for workers", R "worker_processes: 2\n", 2, 1, "did you mean \"workers\"?" },
    { "nginx's word for routes", S "    location: /b\n", 4, 5, "did you mean \"routes\"?" },
    { "nothing is near", R "gzip: on\n", 2, 1, "unknown setting \"gzip\"" },
    { "in a site", S "    indx: a\n", 4, 5, "did you mean \"index\"?" },
    { "in a route", T "        aliaz: /b\n", 6, 9, "did you mean \"alias\"?" },
    { "in the cache", R "open_file_cache: {mx: 1}\n", 2, 19, "did you mean \"max\"?" },
    { "a very long name",
      R "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1\n", 2, 1,
      "aaaaaaaa...\"" },
    { "twice", R "workers: 1\nworkers: 2\n", 3, 1,
      "\"workers\" stands twice; the first is in line 2" },
    { "twice in a site", S "    etag: on\n    etag: off\n", 5, 5, "first is in line 4" },
    { "twice, once in quotes", R "etag: on\n'etag': off\n", 3, 1, "\"etag\" stands twice" },
    { "twice in a flow map", R "open_file_cache: {max: 1, max: 2}\n", 2, 27,
      "\"max\" stands twice" },
    { "key that is a list", R "[a, b]: 1\n", 2, 1, "a key is a name, not a list" },
    { "key that is a map", R "{a: b}: 1\n", 2, 1, "a key is a name, not a map" },
    { "no key", R ": 1\n", 2, 1, "a key is missing before the \":\"" },
    { "empty key", R "'': 1\n", 2, 1, "a key is missing before the \":\"" },

    /* scopes */
    { "hosts at the top", R "hosts: a\n", 2, 1, "\"hosts\" belongs into a site" },
    { "path at the top", R "path: /a\n", 2, 1, "\"path\" belongs into a route" },
    { "alias at the top", R "alias: /a\n", 2, 1, "\"alias\" belongs into a route" },
    { "alias in a site", S "    alias: /a\n", 4, 5,
      "\"alias\" belongs into a route, not into a site" },
    { "listen in a site", S "    listen: 80\n", 4, 5, "\"listen\" belongs to the top level" },
    { "workers in a route", T "        workers: 2\n", 6, 9, "not into a route" },
    { "routes in a route", T "        routes: []\n", 6, 9, "\"routes\" belongs to the top level" },
    { "sites in a site", S "    sites: []\n", 4, 5, "\"sites\" belongs to the top level" },
    { "memory at the top", R "memory: 1m\n", 2, 1, "\"memory\" belongs into \"open_file_cache\"" },

    /* values: nothing, wrong shape */
    { "no value", R "workers:\n", 2, 1,
      "\"workers\" has no value; it takes auto or a whole number" },
    { "null by ~", R "etag: ~\n", 2, 1, "\"etag\" has no value; it takes on or off" },
    { "null by name", R "index: null\n", 2, 1, "\"index\" has no value" },
    { "root without value", "root:\n", 1, 1, "\"root\" has no value; it takes a path" },
    { "empty text", R "user: ''\n", 2, 7, "\"user\" is empty" },
    { "empty path", "root: \"\"\n", 1, 7, "\"root\" is empty" },
    { "list for a number", R "workers: [1, 2]\n", 2, 10, "not a list" },
    { "map for a switch", R "etag: {a: b}\n", 2, 7, "takes on or off, not a map" },
    { "list for a path", "root: [a, b]\n", 1, 7, "\"root\" takes a path" },
    { "scalar for the cache", R "open_file_cache: on\n", 2, 18, "off or a map of settings" },
    { "cache without value", R "open_file_cache:\n", 2, 1, "\"open_file_cache\" has no value" },

    /* numbers */
    { "no worker", R "workers: 0\n", 2, 10,
      "0 is too small; it takes auto or a whole number from 1 to 1024" },
    { "too many workers", R "workers: 1025\n", 2, 10, "1025 is too large" },
    { "negative", R "workers: -1\n", 2, 10, "takes auto or a whole number" },
    { "a fraction", R "workers: 1.5\n", 2, 10, "not \"1.5\"" },
    { "a word", R "workers: many\n", 2, 10, "not \"many\"" },
    { "YAML 1.1's octal", R "workers: 010\n", 2, 10, "not \"010\"" },
    { "hexadecimal", R "listen_backlog: 0x10\n", 2, 17, "not \"0x10\"" },
    { "a number with a unit", R "keepalive_requests: 10k\n", 2, 21, "a whole number" },
    { "beyond 64 bits", R "min_rate: 99999999999999999999999\n", 2, 11, "is too large" },
    { "beyond 64 bits by its unit", R "min_rate: 18446744073709551615g\n", 2, 11, "is too large" },
    { "no connections", R "worker_connections: 0\n", 2, 21, "is too small" },
    { "too many header fields", R "request_header_count: 257\n", 2, 23, "from 1 to 256" },

    /* sizes and times */
    { "size without digits", R "min_rate: k\n", 2, 11, "a size from 0 to 1GiB" },
    { "size in an unknown unit", R "min_rate: 1x\n", 2, 11, "as in 512, 8KiB or 1MiB" },
    { "size in seconds", R "min_rate: 1s\n", 2, 11, "a size" },
    { "size with a blank", R "min_rate: 1 k\n", 2, 11, "not \"1 k\"" },
    { "negative size", R "min_rate: -1k\n", 2, 11, "a size" },
    { "line too short", R "request_line_max: 63\n", 2, 19, "63 is too small" },
    { "line too long", R "request_line_max: 257k\n", 2, 19, "from 64 to 256KiB" },
    { "head too long", R "request_line_max: 128k\nrequest_header_max: 129k\n", 3, 21,
      "together are 263168 bytes" },
    { "head too long by the line", R "request_line_max: 255k\n", 2, 19, "at most 256KiB" },
    { "time in an unknown unit", R "send_timeout: 3 weeks\n", 2, 15, "as in 30s, 500ms or 2m" },
    { "time as a size", R "send_timeout: 3k\n", 2, 15, "a time" },
    { "two units", R "send_timeout: 1h30m\n", 2, 15, "a time" },
    { "no time", R "send_timeout: 0\n", 2, 15, "0 is too small" },
    { "much time", R "send_timeout: 25h\n", 2, 15, "25h is too large" },
    { "off where it means nothing", R "send_timeout: off\n", 2, 15, "a time from 10ms to 1d" },

    /* words */
    { "not a bool", R "etag: maybe\n", 2, 7, "takes on or off, not \"maybe\"" },
    { "a number for a bool", R "no_new_privs: 1\n", 2, 15, "on or off" },
    { "hide or show", R "dotfiles: on\n", 2, 11, "takes hide or show, not \"on\"" },
    { "off or auto", R "worker_cpu_affinity: yes\n", 2, 22, "takes off or auto" },
    { "unknown level", R "log_level: verbose\n", 2, 12,
      "crit, error, warn, notice, info or debug" },
    { "type without subtype", R "default_type: text\n", 2, 15, "a media type, as in text/plain" },
    { "type with a blank", R "default_type: te xt/plain\n", 2, 15, "a media type" },
    { "charset with a semicolon", R "charset: 'utf-8; x'\n", 2, 10, "off or a charset" },
    { "user with a blank", R "user: www data\n", 2, 7, "a name or an id" },
    { "user: off", R "user: off\n", 2, 7, "a name or an id" },

    /* paths */
    { "root: off", "root: off\n", 1, 7, "takes a path, as in /srv/www, not \"off\"" },
    { "access_log: on", R "access_log: on\n", 2, 13, "takes off or a path" },
    { "error_log: off", R "error_log: off\n", 2, 12, "takes stderr or a path" },
    { "socket path too long",
      R "control_socket: "
        "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
      2, 17, "at most 107 are possible" },
    { "index with a folder", R "index: a/b.html\n", 2, 8, "names of files in the folder itself" },
    { "index with an empty name", R "index: [a, '']\n", 2, 12, "is empty" },
    { "index with a list in it", R "index: [a, [b]]\n", 2, 12, "not a list" },
    { "empty index", R "index: []\n", 2, 8, "write \"off\" for none" },
    { "too many index names", R "index: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]\n", 2, 41,
      "at most 16 names" },

    /* listen */
    { "port too large", R "listen: 99999\n", 2, 9, "the port from 0 to 65535" },
    { "a DNS name", R "listen: example.org:80\n", 2, 9, "no DNS name" },
    { "IPv6 without brackets", R "listen: '::1:80'\n", 2, 9, "in brackets: [::1]:8080" },
    { "brackets without quotes are a list", R "listen: [::1]\n", 2, 10,
      "needs quotes, as in '[::1]:8080'" },
    { "relative Unix socket", R "listen: unix:a.sock\n", 2, 9, "absolute path" },
    { "the same twice", R "listen: [80, '*:80']\n", 2, 14,
      "0.0.0.0:80 twice; the first is in line 2" },
    { "one in the other", R "listen:\n  - 80\n  - 0.0.0.0:80\n", 4, 5, "the first is in line 3" },
    { "no address", R "listen: []\n", 2, 9, "needs at least one item" },
    { "null in a list", R "listen: [80, ~]\n", 2, 14, "has no value" },
    { "a map", R "listen: {port: 80}\n", 2, 9, "not a map" },
    { "too many",
      R "listen: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,"
        "31,32,33]\n",
      2, 97, "at most 64 addresses" },

    /* access */
    { "access is no word", R "access: all\n", 2, 9, "a list of rules" },
    { "access is no map", R "access: {deny: all}\n", 2, 9, "a list of rules, as in" },
    { "no rules", R "access: []\n", 2, 9, "empty list" },
    { "a rule that is a word", R "access: [all]\n", 2, 10, "a rule of \"access\" is" },
    { "a rule of another word", R "access: [{permit: all}]\n", 2, 10, "{allow: NETWORK}" },
    { "a rule of two", R "access: [{allow: '::1', deny: all}]\n", 2, 10, "{allow: NETWORK}" },
    { "a rule without a network", R "access: [{allow: }]\n", 2, 10, "{allow: NETWORK}" },
    { "a name in a rule", R "access: [{allow: example.org}]\n", 2, 18, "a network is 10.0.0.0/8" },
    { "a host in a network", S "    access: [{deny: 10.0.0.1/8}]\n", 4, 21, "must be 0" },
    { "a method in lower case", R "allowed_methods: [GET, post]\n", 2, 24, "a list of methods" },
    { "a method that is a list", R "allowed_methods: [[GET]]\n", 2, 19, "not a list" },
    { "no methods", T "        allowed_methods: []\n", 6, 26, "empty list" },
    { "nginx's word for access", R "deny: all\n", 2, 1, "did you mean \"access\"?" },

    /* error pages */
    { "a list", R "error_pages: [/a]\n", 2, 14, "a map of status to path" },
    { "not an error", R "error_pages: {200: /a}\n", 2, 15, "from 400 to 599" },
    { "600", R "error_pages: {600: /a}\n", 2, 15, "from 400 to 599" },
    { "not a status", R "error_pages: {not found: /a}\n", 2, 15, "by status" },
    { "not a path", R "error_pages: {404: a.html}\n", 2, 20, "starts with \"/\"" },
    { "out of the root", R "error_pages: {404: /../a}\n", 2, 20, "\"..\" segments" },
    { "page without value", R "error_pages:\n  404:\n", 3, 3,
      "the error page of 404 takes one path" },
    { "a list of pages", R "error_pages: {404: [/a]}\n", 2, 20, "takes one path" },

    /* sites */
    { "no root", "workers: 1\n", 0, 0, "add \"root\", as in root: /srv/www" },
    { "nothing at all", "", 0, 0, "no folder to serve" },
    { "only a comment", "# later\n", 0, 0, "no folder to serve" },
    { "no root in a site", "sites:\n  - hosts: a\n", 2, 5, "the site has no folder to serve" },
    { "alias is not enough", "sites:\n  - hosts: a\n    routes: [{path: /a, alias: /b}]\n", 2, 5,
      "the site has no folder to serve" },
    { "sites as a map", R "sites:\n  hosts: a\n", 3, 3, "\"sites\" takes a list of sites" },
    { "sites as a scalar", R "sites: a\n", 2, 8, "\"sites\" takes a list of sites" },
    { "no sites", R "sites: []\n", 2, 8, "\"sites\" is an empty list" },
    { "sites without value", R "sites:\n", 2, 1, "\"sites\" has no value" },
    { "a site that is a name", R "sites: [a]\n", 2, 9,
      "a site is a map, as in - hosts: example.org" },
    { "no hosts", R "sites:\n  - root: /s\n", 3, 5, "a site needs \"hosts\"" },
    { "hosts without value", R "sites:\n  - hosts:\n", 3, 5, "\"hosts\" has no value" },
    { "empty hosts", R "sites:\n  - hosts: []\n", 3, 12, "\"hosts\" is an empty list" },
    { "hosts as a map", R "sites:\n  - hosts: {a: b}\n", 3, 12, "not a map" },
    { "null among hosts", R "sites:\n  - hosts: [a, ~]\n", 3, 16, "a host is a name" },
    { "a host with a port", R "sites:\n  - hosts: a.example:80\n", 3, 12, "a host has no port" },
    { "a URL", R "sites:\n  - hosts: http://a.example\n", 3, 12, "it is a name alone" },
    { "dot at the end", R "sites:\n  - hosts: a.example.\n", 3, 12, "no dot at its ends" },
    { "two dots", R "sites:\n  - hosts: a..example\n", 3, 12, "no empty parts" },
    { "star at the end", R "sites:\n  - hosts: a.*\n", 3, 12, "as in *.example.org" },
    { "star in a part", R "sites:\n  - hosts: '*a.example'\n", 3, 12, "as in *.example.org" },
    { "not in DNS's letters",
      R "sites:\n  - hosts: b\xc3\xbc"
        "cher.example\n",
      3, 12, "xn--bcher-kva" },
    { "a blank in a host", R "sites:\n  - hosts: a example\n", 3, 12, "letters, digits" },
    { "bad IPv6 host", R "sites:\n  - hosts: '[::x]'\n", 3, 12, "must be an IPv6 address" },
    { "long label",
      R "sites:\n  - hosts: "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example\n",
      3, 12, "at most 63 characters" },
    { "a host twice in a site", R "sites:\n  - hosts: [a, A]\n", 3, 16,
      "\"a\" stands twice; the first is in line 3" },
    { "a host twice", S "  - hosts: [b, A.Example]\n", 4, 16,
      "\"a.example\" stands twice; the first is in line 3" },
    { "two default sites", R "sites: [{hosts: '*'}, {hosts: '*'}]\n", 2, 31, "\"*\" stands twice" },
    { "star without quotes", R "sites:\n  - hosts: *.example.org\n", 3, 12, "needs quotes" },

    /* routes */
    { "routes as a map", S "    routes: {path: /a}\n", 4, 13, "\"routes\" takes a list of routes" },
    { "routes without value", S "    routes:\n", 4, 5, "\"routes\" has no value" },
    { "a route that is a path", S "    routes: [/a]\n", 4, 14, "a route is a map" },
    { "no path", S "    routes:\n      - etag: on\n", 5, 9, "a route needs \"path\"" },
    { "relative path", S "    routes: [{path: a}]\n", 4, 21, "it starts with \"/\"" },
    { "path without value", S "    routes: [{path: }]\n", 4, 15, "\"path\" has no value" },
    { "dots in a path", S "    routes: [{path: /a/../b}]\n", 4, 21, "\"..\" segments" },
    { "an empty segment", S "    routes: [{path: /a//b}]\n", 4, 21, "no empty" },
    { "a query", S "    routes: [{path: '/a?b'}]\n", 4, 21, "without \"?\" and \"#\"" },
    { "a percent code", S "    routes: [{path: /a%20b}]\n", 4, 21, "written decoded" },
    { "a path twice", T "      - path: /a\n", 6, 15,
      "\"/a\" stands twice in its site; the first is in line 5" },
    { "a path twice but for its slash", T "      - path: /a/\n", 6, 15, "the first is in line 5" },
    { "root and alias", T "        root: /b\n        alias: /c\n", 7, 9,
      "\"root\" (line 6) or \"alias\", not both" },
    { "routes beside a default site", R "routes: [{path: /a}]\nsites: [{hosts: '*'}]\n", 2, 1,
      "that is the site with the host \"*\"" },
    { "routes beside sites without root", "routes: [{path: /a}]\nsites: [{hosts: a, root: /r}]\n",
      1, 1, "without \"root\" at the top level" },

    /* YAML */
    { "tab as indentation", R "open_file_cache:\n\tmax: 1\n", 3, 1, "this is a tab" },
    { "a tab in a value", R "user: \"a\\tb\"\n", 2, 7, "one line of text" },
    { "a line break in a value", R "user: |\n  a\n  b\n", 2, 7, "one line of text" },
    { "a NUL in a value", R "user: \"a\\0b\"\n", 2, 7, "control characters" },
    { "a control character",
      R "user: a\x01"
        "b\n",
      2, 8, "control character 0x01" },
    { "not UTF-8", R "user: \xc3\xa4\xe4\n", 2, 8, "the byte 0xe4 is not UTF-8" },
    { "overlong UTF-8, RFC 3629 3", R "user: \xc0\xaf\n", 2, 7, "not UTF-8" },
    { "surrogate, RFC 3629 3", R "user: \xed\xa0\x80\n", 2, 7, "not UTF-8" },
    { "half a character at the end", R "user: \xe2\x82", 2, 7, "not UTF-8" },
    { "no colon", R "workers 4\nuser: a\n", 2, 1, "there is no \":\" behind this key" },
    { "no blank behind the colon", R "workers:4\nuser: a\n", 2, 1, "there is no \":\"" },
    { "two colons", R "user: a: b\n", 2, 8, "this \":\" cannot stand here" },
    { "indented too deep", R "user: a\n  group: b\n", 3, 8, "this \":\" cannot stand here" },
    { "indented unlike its neighbours", S "   etag: on\n", 4, 4, "indented unlike its neighbours" },
    { "an address that YAML reads as a list", R "listen: [::]:80\n", 2, 10, "needs quotes" },
    { "indented too little", "  root: /r\n user: a\n", 2, 2, "its keys start in one column" },
    { "quote not closed", R "user: 'a\n", 2, 7, "the quote that starts here is never closed" },
    { "list not closed", R "listen: [80, 81\n", 2, 9, "not closed by \"]\"" },
    { "map not closed", R "open_file_cache: {max: 1\n", 2, 18, "not closed by \"}\"" },
    { "value with @", R "user: @a\n", 2, 7, "starts with \"@\" needs quotes" },
    { "value with `", R "user: `a`\n", 2, 7, "starts with \"`\" needs quotes" },
    { "value with %", R "user: %a\n", 2, 7, "starts with \"%\" needs quotes" },
    { "unknown escape", R "user: \"\\d\"\n", 2, 8, "no such \\ escape" },
    { "item in a map", R "listen: - 80\n", 2, 9, "a list item cannot start here" },
    { "a tag", R "user: !!str a\n", 2, 7, "a tag (\"!...\") has no meaning" },
    { "unknown alias", R "user: *a\n", 2, 7, "there is no anchor \"&a\"" },
    { "alias inside itself", R "listen: &a [*a]\n", 2, 13, "stands inside of what it names" },
    { "merge key", R "open_file_cache:\n  <<: {max: 1}\n", 3, 3, "merge keys" },
    { "two documents", R "---\nuser: a\n", 2, 1, "a second document starts here" },
    { "text behind the document", R "...\nuser: a\n", 3, 1, "nothing follows \"...\"" },
    { "a list at the top", "- a\n", 1, 1, "a config is a map of settings" },
    { "a word at the top", "hello\n", 1, 1, "a config is a map of settings" },
    { "nested without end", R "index: [[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]\n", 2, 23,
      "16 deep" },
    { "a billion laughs",
      "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
      "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
      "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
      6, 4, "more than 1048576 values" },
};

enum { BAD_ROW_COUNT = sizeof(bad_rows) / sizeof(bad_rows[0]) };

#undef R
#undef S
#undef T

#endif
