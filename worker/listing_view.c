#include "worker/listing_view.h"

#include "worker/accept.h"

struct str listing_sort_word(enum listing_sort sort)
{
    static const struct str words[LISTING_SORTS] = {
        [LISTING_BY_NAME] = STR_INIT("name"),
        [LISTING_BY_SIZE] = STR_INIT("size"),
        [LISTING_BY_DATE] = STR_INIT("date"),
    };

    return words[sort];
}

static bool likes_json_better(const struct request *req)
{
    static const struct media_type json = { STR_INIT("application/json"),
                                            STR_INIT("application/*"),
                                            { NULL, 0 } };
    static const struct media_type html = { STR_INIT("text/html"),
                                            STR_INIT("text/*"),
                                            { NULL, 0 } };

    return accept_weight(req, &json) > accept_weight(req, &html);
}

struct listing_view listing_view_of(const struct request *req)
{
    struct listing_view view = { LISTING_BY_NAME, false, false };
    struct str query = req->query, order = STR_NONE, format = STR_NONE;

    while (query.p != NULL) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');

        if (str_eq(name, STR("order")))
            order = value;
        else if (str_eq(name, STR("format")))
            format = value;
        else if (str_eq(name, STR("sort")))
            for (int i = 0; i < LISTING_SORTS; i++)
                if (str_eq(value, listing_sort_word((enum listing_sort)i)))
                    view.sort = (enum listing_sort)i;
    }
    view.is_descending = listing_starts_descending(view.sort);
    if (str_eq(order, STR("asc")) || str_eq(order, STR("desc")))
        view.is_descending = str_eq(order, STR("desc"));
    if (str_eq(format, STR("html")) || str_eq(format, STR("json")))
        view.is_json = str_eq(format, STR("json"));
    else
        view.is_json = likes_json_better(req);
    return view;
}
