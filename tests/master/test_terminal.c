#include "master/terminal.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(terminal, takes_keys_one_by_one)
{
    static const char typed[] = "q\033[C\033OD+\033[A\033[15~\033[1;5C\033\033[";
    static const int expect[] = { 'q',       KEY_RIGHT, KEY_LEFT, '+',      KEY_UP,
                                  KEY_OTHER, KEY_RIGHT, '\033',   KEY_OTHER };
    const char *at = typed;
    size_t n = sizeof(typed) - 1, count = 0;

    while (n > 0 && count < sizeof(expect) / sizeof(*expect)) {
        int key = terminal_take_key(&at, &n);

        cr_expect_eq(key, expect[count], "key %zu is %d", count, key);
        count++;
    }
    cr_expect_eq(count, sizeof(expect) / sizeof(*expect));
    cr_expect_eq(n, 0);
}

Test(terminal, hears_what_the_environment_says)
{
    setenv("NO_COLOR", "", 1);
    cr_expect(terminal_has_colours());
    setenv("NO_COLOR", "1", 1);
    cr_expect(!terminal_has_colours());
    unsetenv("LC_ALL");
    unsetenv("LC_CTYPE");
    setenv("LANG", "en_US.UTF-8", 1);
    cr_expect(terminal_has_utf8());
    setenv("LC_ALL", "C", 1);
    cr_expect(!terminal_has_utf8());
}
