#include "worker/connection_list.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/address.h"
#include "common/human.h"
#include "common/json.h"
#include "common/xmalloc.h"
#include "worker/acceptor.h"
#include "worker/conn.h"
#include "worker/internal.h"

/* Of a slice: lines that are written, some 2 us each, and connections that are looked at. */
enum { SLICE_LINES = 64, SLICE_LOOKS = 1024 };

const char connection_list_header[] =
    "worker  state                          for  requests    in    out  peer                   "
    "local                  request\n";

const char *const connection_states[] = {
    "reading", "waiting", "sending", "lingering", "idle", NULL
};

/* The most interesting first: those with a request, by how much the server has to do with it. */
static const enum deadline_kind order[] = { DEADLINE_TURN, DEADLINE_BODY,   DEADLINE_SEND,
                                            DEADLINE_HEAD, DEADLINE_LINGER, DEADLINE_IDLE };

enum { ORDER_COUNT = sizeof(order) / sizeof(*order) };

static const char *state_of(const struct conn *c)
{
    switch ((enum deadline_kind)c->deadline.kind) {
    case DEADLINE_TURN:
        return c->x != NULL && c->x->resume != NULL ? c->x->awaited : "waiting for its turn";
    case DEADLINE_BODY:
        return "reading body";
    case DEADLINE_SEND:
        return "sending";
    case DEADLINE_HEAD:
        return "reading head";
    case DEADLINE_LINGER:
        return "lingering";
    case DEADLINE_IDLE:
        return "idle";
    case DEADLINE_NONE:
    case DEADLINE_KINDS:
        break;
    }
    return "closed";
}

static bool is_asked_for(const struct connection_list *list, const struct conn *c)
{
    struct str state = str_of(state_of(c));

    if (list->state.p != NULL && !str_starts(state, list->state))
        return false;
    if (list->has_network) {
        struct cidr peer = cidr_of(&c->peer.sa);

        return cidr_has(&list->network, &peer);
    }
    return true;
}

/* ---- which ones ---- */

static bool has_filter(const struct connection_list *list)
{
    return list->state.p != NULL || list->has_network;
}

/* Those that wait longest for the same thing first. */
static void note_all(struct connection_list *list, const struct worker *w)
{
    size_t most = has_filter(list) || w->conn_count < list->max ? w->conn_count : list->max;

    list->total = list->matched = w->conn_count;
    if (has_filter(list))
        list->matched = 0;
    list->noted = xmalloc((most + 1) * sizeof(*list->noted));
    for (uint64_t rank = 0; rank < ORDER_COUNT; rank++) {
        LIST_EACH (at, &w->deadlines.lists[order[rank]]) {
            struct deadline *d = CONTAINER_OF(at, struct deadline, link);
            uint32_t age_ms = deadline_age_ms(d, w->clock.now_ms);

            if (list->noted_count == most)
                return;
            list->noted[list->noted_count++] = (struct noted){
                .conn = CONTAINER_OF(d, struct conn, deadline),
                .order = rank << 32 | (UINT32_MAX - age_ms),
            };
        }
    }
}

static struct str state_word(struct str word)
{
    for (int i = 0; connection_states[i] != NULL; i++)
        if (str_eq(word, str_of(connection_states[i])))
            return str_of(connection_states[i]);
    return STR_NONE;
}

struct connection_list *connection_list_new(struct worker *w, uint64_t number, struct str argument)
{
    struct connection_list *list = xcalloc(1, sizeof(*list));
    struct str form = str_cut(&argument, ' '), max = str_cut(&argument, ' ');
    struct str state = str_cut(&argument, ' ');
    const char *why;
    uint64_t lines;

    list_init(&list->link);
    list->number = number;
    list->is_json = str_eq(form, STR("json"));
    list->state = state_word(state);
    list->has_network = !str_eq(argument, STR("-")) && cidr_parse(argument, &list->network, &why);
    list->memfd = memfd_create("remuda-connections", MFD_CLOEXEC);
    if (list->memfd < 0 || !str_to_u64(max, &lines)) {
        connection_list_free(&list);
        return NULL;
    }
    list->max = (size_t)lines;
    note_all(list, w);
    return list;
}

void connection_list_free(struct connection_list **list)
{
    struct connection_list *l = *list;

    *list = NULL;
    if (l->memfd >= 0)
        close(l->memfd);
    free(l->noted);
    free(l);
}

/* ---- their lines ---- */

struct row {
    const struct conn *conn;
    unsigned worker;
    double for_s;
    char peer[ADDRESS_TEXT_MAX], local[ADDRESS_TEXT_MAX];
    struct str request; /* p NULL: none is under way */
};

static void fill_row(struct row *row, const struct conn *c, const struct worker *w)
{
    struct address peer = { .len = sizeof(c->peer) }, local = { .len = sizeof(local.sa) };

    memcpy(&peer.sa, &c->peer, sizeof(c->peer));
    if (getsockname(c->io.fd, (struct sockaddr *)&local.sa, &local.len) < 0 ||
        local.sa.ss_family == AF_UNIX)
        local = c->listener->address;
    row->conn = c;
    row->worker = w->slot + 1;
    row->for_s = deadline_age_ms(&c->deadline, w->clock.now_ms) / 1000.;
    if (peer.sa.ss_family == AF_UNIX)
        memcpy(row->peer, "unix", sizeof("unix"));
    else
        address_format(&peer, row->peer);
    address_format(&local, row->local);
    row->request = c->x != NULL ? c->x->req.line : STR_NONE;
}

static void add_json(const struct row *row, struct buf *out)
{
    const struct conn *c = row->conn;

    buf_add_char(out, '{');
    json_add_u64(out, "worker", row->worker);
    json_add_text(out, "peer", str_of(row->peer));
    json_add_text(out, "local", str_of(row->local));
    json_add_text(out, "state", str_of(state_of(c)));
    json_add_decimal(out, "seconds", row->for_s);
    json_add_u64(out, "requests", c->request_count);
    json_add_u64(out, "bytes_in", c->bytes_received);
    json_add_u64(out, "bytes_out", c->bytes_sent);
    json_add_text(out, "request", row->request);
    buf_add_char(out, '}');
}

static void add_text(const struct row *row, struct buf *out)
{
    char in[HUMAN_MAX], sent[HUMAN_MAX], age[HUMAN_MAX];
    const struct conn *c = row->conn;
    char *p;

    buf_printf(out, "%-6u  %-24s  %8s  %8u  %4s  %5s  %-21s  %-21s  ", row->worker, state_of(c),
               human_time(row->for_s, age), c->request_count, human_size(c->bytes_received, in),
               human_size(c->bytes_sent, sent), row->peer, row->local);
    if (row->request.p == NULL) {
        buf_add_char(out, '-');
        return;
    }
    p = buf_reserve(out, row->request.n * JSON_PUT_MOST); /* for a terminal's sake */
    out->n += (size_t)(json_put(p, row->request) - p);
}

static void add_line(const struct connection_list *list, const struct noted *noted,
                     const struct worker *w, struct buf *out)
{
    struct row row;

    fill_row(&row, noted->conn, w);
    buf_printf(out, "%llu\t", (unsigned long long)noted->order);
    if (list->is_json)
        add_json(&row, out);
    else
        add_text(&row, out);
    buf_add_char(out, '\n');
}

/* A full tmpfs: those that are written have to do. */
static void write_out(struct connection_list *list, const struct buf *lines)
{
    if (lines->n == 0 || list->memfd < 0)
        return;
    if (write(list->memfd, lines->p, lines->n) == (ssize_t)lines->n)
        return;
    close(list->memfd);
    list->memfd = -1;
}

bool connection_list_go_on(struct connection_list *list, const struct worker *w)
{
    struct buf lines = { 0 };
    size_t looks = 0, written = 0;

    for (; list->at < list->noted_count && looks < SLICE_LOOKS && written < SLICE_LINES; looks++) {
        const struct noted *noted = &list->noted[list->at++];

        if (noted->conn->deadline.kind == DEADLINE_NONE || !is_asked_for(list, noted->conn))
            continue;
        list->matched += has_filter(list);
        if (list->shown == list->max)
            continue;
        list->shown++;
        written++;
        add_line(list, noted, w, &lines);
    }
    write_out(list, &lines);
    buf_fini(&lines);
    return list->at == list->noted_count;
}
