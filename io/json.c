/* io/json.c - JSON as RFC 8259 has it. */
#include "io/json.h"
#include "core/text.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void write_string(FILE *out, const char *text)
{
    const size_t n = strlen(text);
    fputc('"', out);
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        const size_t bytes = co_utf8_decode(text + i, n - i, &code);
        if (bytes == 0)
            fputs("\\ufffd", out);
        else if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (char)code);
        else if (code == '\n')
            fputs("\\n", out);
        else if (code < 0x20 || code == 0x7f)
            fprintf(out, "\\u%04" PRIx32, code);
        else
            fwrite(text + i, 1, bytes, out);
        i += bytes ? bytes : 1;
    }
    fputc('"', out);
}

static void begin(co_json *json, const char *key)
{
    if (json->follows) fputs(json->tight ? "," : ", ", json->out);
    json->follows = true;
    if (!key) return;
    write_string(json->out, key);
    fputs(json->tight ? ":" : ": ", json->out);
}

void co_json_open(co_json *json, const char *key, char bracket)
{
    begin(json, key);
    fputc(bracket, json->out);
    json->follows = false;
}

void co_json_close(co_json *json, char bracket)
{
    fputc(bracket, json->out);
    json->follows = true;
}

void co_json_text(co_json *json, const char *key, const char *text)
{
    begin(json, key);
    write_string(json->out, text);
}

void co_json_int(co_json *json, const char *key, int64_t value)
{
    begin(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void co_json_u64(co_json *json, const char *key, uint64_t value)
{
    begin(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void co_json_real(co_json *json, const char *key, double value)
{
    char text[CO_REAL_TEXT] = "null";
    if (isfinite(value)) co_format_real(value, text);
    begin(json, key);
    fputs(text, json->out);
}

void co_json_bare(co_json *json, const char *key, const char *text)
{
    begin(json, key);
    fputs(text, json->out);
}
