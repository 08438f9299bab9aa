/* io/writers/aside.c - a stream into a temporary file, renamed at the end. */
#include "io/writers/aside.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static co_status cannot(const char *path, int error)
{
    return CO_FAIL(CO_EFILE, "%s: cannot be written: %s", path, strerror(error ? error : EIO));
}

co_status co_aside_start(const char *path, co_aside *aside)
{
    *aside = (co_aside){.path = co_strdup(path), .temporary = {NULL, -1}};
    if (!aside->path) return CO_FAIL(CO_ENOMEM, "%s: name of the file", path);
    co_status st = co_temporary_start(path, &aside->temporary);
    if (st == CO_OK && co_fault("file_open")) st = cannot(path, EACCES);
    if (st == CO_OK && !(aside->out = fopen(aside->temporary.path, "wbe")))
        st = cannot(path, errno);
    return st == CO_OK ? st : co_aside_end(aside, st);
}

co_status co_aside_sync(co_aside *aside)
{
    if (!aside->out) return CO_OK;
    errno = 0;
    const bool good = fflush(aside->out) == 0 && !ferror(aside->out) &&
                      co_temporary_permit(fileno(aside->out), 0666) == 0 &&
                      fsync(fileno(aside->out)) == 0;
    int error = good ? 0 : errno ? errno : EIO;
    if (co_fault("file_write") || co_fault("file_sync")) error = EIO;
    if (co_fault("file_full")) error = ENOSPC;
    if (fclose(aside->out) != 0 && !error) error = errno;
    aside->out = NULL;
    return error ? cannot(aside->path, error) : CO_OK;
}

co_status co_aside_end(co_aside *aside, co_status status)
{
    if (status == CO_OK) status = co_aside_sync(aside);
    if (aside->out) fclose(aside->out);
    if (status == CO_OK && co_fault("file_rename")) status = cannot(aside->path, EACCES);
    if (status == CO_OK && co_temporary_rename(&aside->temporary, aside->path) != 0)
        status = cannot(aside->path, errno);
    co_temporary_remove(&aside->temporary);
    co_free(aside->path);
    *aside = (co_aside){0};
    return status;
}

co_status co_writer_partition(const char *format, const char *const *sources, size_t n_sources,
                              co_partition *p)
{
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "%s takes one partition file, %zu were given", format, n_sources);
    CO_TRY(co_partition_read(sources[0], NULL, p));
    if (p->device_noise)
        co_warn("%s: %s keeps which examples a device holds, but not its noise on the features",
                sources[0], format);
    return CO_OK;
}

const char *co_writer_device(const co_partition *p, int64_t device, char buffer[24])
{
    if (p->device_name) return p->device_name[device];
    snprintf(buffer, 24, "%" PRId64, device);
    return buffer;
}

void co_writer_cell(FILE *out, const char *name)
{
    const size_t n = strlen(name);
    if (!strpbrk(name, ",\"\n\r") && name[0] != ' ' && (n == 0 || name[n - 1] != ' ')) {
        fputs(name, out);
        return;
    }
    fputc('"', out);
    for (const char *c = name; *c; c++) {
        if (*c == '"') fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

co_status co_writer_lists(const char *format, const char *const *sources, size_t n_sources,
                          const char *output, void (*write)(FILE *out, const co_partition *p))
{
    co_partition p = {0};
    co_aside aside;
    CO_TRY(co_writer_partition(format, sources, n_sources, &p));
    co_status st = co_aside_start(output, &aside);
    if (st == CO_OK) {
        write(aside.out, &p);
        st = co_aside_end(&aside, st);
    }
    co_partition_fini(&p);
    return st;
}

char *co_writer_text(const void *bytes, size_t n, size_t *n_odd)
{
    const char *from = bytes;
    char *text = co_malloc(3 * n + 1, 1), *to = text;
    bool odd = false;
    for (size_t i = 0, step; text && i < n; i += step) {
        uint32_t code;
        step = from[i] ? co_utf8_decode(from + i, n - i, &code) : 0;
        odd |= step == 0;
        if (step) {
            memcpy(to, from + i, step);
            to += step;
            continue;
        }
        step = 1;
        const unsigned char byte = (unsigned char)from[i];
        if (byte) {
            *to++ = (char)(0xc0 | byte >> 6);
            *to++ = (char)(0x80 | (byte & 0x3f));
        } else {
            to = stpcpy(to, "\xef\xbf\xbd");
        }
    }
    if (text) *to = '\0';
    *n_odd += odd;
    return text;
}

void co_writer_warn_odd(const char *path, size_t n_odd)
{
    if (n_odd)
        co_warn("%s: %zu texts are no UTF-8; their odd bytes were written as the characters of "
                "Latin-1",
                path, n_odd);
}
