#include "tests/master/listening.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/log.h"

struct listen_table table;
struct buf errors;
struct listen listens[LISTENING_MAX];
struct config config = { .listens = listens, .backlog = 16, .defer_accept_ms = 1500 };

void listening_init(void)
{
    log_set_level(LOG_WARN);
}

void listening_fini(void)
{
    listen_table_close(&table);
    buf_fini(&errors);
}

void want(const char *const *texts)
{
    struct address found[2];
    const char *why;

    memset(listens, 0, sizeof(listens));
    config.listen_count = 0;
    for (; *texts != NULL; texts++) {
        cr_assert_lt(config.listen_count, LISTENING_MAX);
        cr_assert_eq(address_parse(str_of(*texts), found, &why), 1, "%s", *texts);
        listens[config.listen_count++].address = found[0];
    }
}

void change(unsigned slot_count)
{
    cr_assert(listen_table_prepare(&table, &config, slot_count, 0, &errors), "%s",
              buf_cstr(&errors));
    cr_assert(listen_table_listen(&table, &config, &errors), "%s", buf_cstr(&errors));
    listen_table_commit(&table);
}
