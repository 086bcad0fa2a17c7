/* load_options - see the header. */
#include "bench/load_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    CONNECTIONS_MAX = 60000,
    PIPELINE_MAX = 1024,
    COUNT_SECONDS = 60, /* -n alone may take so long */
};

static const char usage[] =
    "usage: load [options] http://ADDRESS[:PORT]/PATH     (ADDRESS: 127.0.0.1, [::1], ...)\n"
    "  -c N               connections [100]\n"
    "  -d SECONDS         how long, fractions too [3; with -n at most 60]\n"
    "  -n N               how many requests\n"
    "  -p N               requests sent in one write on each connection, the next N when all\n"
    "                     answers are there [1]\n"
    "  -K                 a new connection for each request, which the server has to close;\n"
    "                     latency counts from connect to the end of the connection\n"
    "  -H 'NAME: VALUE'   a header more (repeat)\n"
    "  --browser          the eleven headers of a browser's request, about 600 bytes\n"
    "  --paths N FORMAT   instead of PATH a random number below N in FORMAT, as in\n"
    "                     --paths 10000 /r/%05u.html (zeros and a width are a must)\n"
    "  --seed N           another sequence of random numbers\n"
    "  --status N         what has to come, any other status is an error [200]\n"
    "  --length N         the same for the length of the body [any]\n"
    "  --rate R           requests/s over all connections; latency counts from when each was due\n"
    "Prints JSON. Exit status: 0 also with errors, which the JSON tells; 1 when nothing could be\n"
    "measured, 2 for bad usage.\n";

/* As Chromium sends them for a page; Host makes eleven of them. */
static const char *const browser_headers[] = {
    "Connection: keep-alive", /* first: -K leaves it out */
    "sec-ch-ua: \"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\"",
    "sec-ch-ua-mobile: ?0",
    "sec-ch-ua-platform: \"Linux\"",
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8",
    "Cookie: session=6f1d2c3b4a5968778695a4b3c2d1e0f0123456789abcdef0; theme=dark; lang=en",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9",
};
enum { BROWSER_HEADERS = sizeof(browser_headers) / sizeof(browser_headers[0]) };

static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "load: %s\n%s", what, usage);
    exit(2);
}

static _Noreturn void out_of_memory(void)
{
    fputs("load: out of memory\n", stderr);
    exit(1);
}

/* http://ADDRESS[:PORT]/PATH */
static void parse_url(struct options *o, const char *url)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&o->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&o->address;
    char host[sizeof(o->authority)];
    unsigned long port = 80;
    size_t length;
    char *end;

    if (strncmp(url, "http://", 7) != 0)
        refuse("a URL begins with http://");
    url += 7;
    length = strcspn(url, "/");
    if (length >= sizeof(host))
        refuse("the address is too long");
    memcpy(o->authority, url, length);
    memcpy(host, o->authority, sizeof(host));
    o->path = url[length] == '/' ? url + length : "/";
    end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    if (host[0] == '[' && end != NULL)
        *end++ = '\0';
    if (end != NULL && *end == ':') {
        *end = '\0';
        port = strtoul(end + 1, NULL, 10);
    }
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        o->address_length = sizeof(*v4);
    } else if (host[0] == '[' && inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        o->address_length = sizeof(*v6);
    } else {
        refuse("the address has to be a number, as in http://127.0.0.1:8080/ or http://[::1]/");
    }
}

static double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= least && value <= most)) {
        fprintf(stderr, "load: '%s' is not a number from %g to %g\n", text, least, most);
        exit(2);
    }
    return value;
}

void options_parse(struct options *o, int argc, char **argv)
{
    enum { BROWSER = 256, PATHS, SEED, STATUS, LENGTH, RATE };
    static const struct option longs[] = {
        { "browser", no_argument, NULL, BROWSER },
        { "paths", required_argument, NULL, PATHS },
        { "seed", required_argument, NULL, SEED },
        { "status", required_argument, NULL, STATUS },
        { "length", required_argument, NULL, LENGTH },
        { "rate", required_argument, NULL, RATE },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int letter;

    *o = (struct options){
        .connections = 100, .pipeline = 1, .status = 200, .length = LENGTH_ANY, .seed = 1
    };
    while ((letter = getopt_long(argc, argv, "c:d:n:p:KH:h", longs, NULL)) != -1) {
        switch (letter) {
        case 'c':
            o->connections = (unsigned)number(optarg, 1, CONNECTIONS_MAX);
            break;
        case 'd':
            o->seconds = number(optarg, 0.01, 3600);
            break;
        case 'n':
            o->requests = (uint64_t)number(optarg, 1, 1e12);
            break;
        case 'p':
            o->pipeline = (unsigned)number(optarg, 1, PIPELINE_MAX);
            break;
        case 'K':
            o->closes = true;
            break;
        case 'H':
            if (o->header_count == LOAD_HEADERS_MAX)
                refuse("too many headers");
            o->headers[o->header_count++] = optarg;
            break;
        case BROWSER:
            o->is_browser = true;
            break;
        case PATHS:
            o->paths = (uint32_t)number(optarg, 1, 999999999);
            if (optind == argc)
                refuse("--paths takes a number and a format");
            o->format = argv[optind++];
            break;
        case SEED:
            o->seed = (uint64_t)number(optarg, 0, 1e15);
            break;
        case STATUS:
            o->status = (unsigned)number(optarg, 100, 599);
            break;
        case LENGTH:
            o->length = (uint64_t)number(optarg, 0, 1e15);
            break;
        case RATE:
            o->rate = number(optarg, 0.1, 1e8);
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            refuse("bad option");
        }
    }
    if (optind != argc - 1)
        refuse("one URL is needed");
    if (o->closes && (o->pipeline > 1 || o->rate > 0))
        refuse("-K goes neither with -p nor with --rate");
    if (o->rate > 0 && o->pipeline > 1)
        refuse("--rate does not go with -p");
    if (o->seconds == 0)
        o->seconds = o->requests > 0 ? COUNT_SECONDS : 3;
    parse_url(o, argv[optind]);
}

static bool has_host(const struct options *o)
{
    for (unsigned i = 0; i < o->header_count; i++)
        if (strncasecmp(o->headers[i], "Host:", 5) == 0)
            return true;
    return false;
}

static void print_path(struct requests *r, const struct options *o, FILE *out)
{
    const char *percent = o->format != NULL ? strchr(o->format, '%') : NULL;

    if (o->format == NULL) {
        fputs(o->path, out);
        return;
    }
    if (percent == NULL || percent[1] != '0' || percent[2] < '1' || percent[2] > '9' ||
        percent[3] != 'u' || strchr(percent + 4, '%') != NULL)
        refuse("--paths: the format has one number with zeros and a width, as in %05u");
    r->digits = (unsigned)(percent[2] - '0');
    fwrite(o->format, 1, (size_t)(percent - o->format), out);
    fflush(out); /* sets r->length */
    r->digits_at = r->length;
    fprintf(out, "%0*u%s", (int)r->digits, 0U, percent + 4);
}

void requests_make(struct requests *r, const struct options *o)
{
    FILE *out = open_memstream(&r->bytes, &r->length);
    uint64_t most = 1;

    if (out == NULL)
        out_of_memory();
    fputs("GET ", out);
    print_path(r, o, out);
    fputs(" HTTP/1.1\r\n", out);
    if (!has_host(o))
        fprintf(out, "Host: %s\r\n", o->authority);
    for (unsigned i = o->closes; o->is_browser && i < BROWSER_HEADERS; i++)
        fprintf(out, "%s\r\n", browser_headers[i]);
    for (unsigned i = 0; i < o->header_count; i++)
        fprintf(out, "%s\r\n", o->headers[i]);
    fputs(o->closes ? "Connection: close\r\n\r\n" : "\r\n", out);
    if (fclose(out) != 0 || (r->bytes = realloc(r->bytes, r->length * o->pipeline)) == NULL)
        out_of_memory();
    for (unsigned i = 1; i < o->pipeline; i++)
        memcpy(r->bytes + i * r->length, r->bytes, r->length);

    for (unsigned i = 0; i < r->digits; i++)
        most *= 10;
    if (o->paths > most)
        refuse("--paths: the format has too few digits for so many");
    r->paths = o->paths;
    r->random = o->seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
}

/* Writes random numbers into the first `count` r-> */
void requests_shuffle(struct requests *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char *digits = r->bytes + i * r->length + r->digits_at;
        uint64_t x = r->random; /* xorshift64* */

        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        r->random = x;
        uint32_t number = (uint32_t)(((x * UINT64_C(0x2545F4914F6CDD1D)) >> 32) * r->paths >> 32);
        for (unsigned d = r->digits; d-- > 0; number /= 10)
            digits[d] = (char)('0' + number % 10);
    }
}
