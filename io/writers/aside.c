/* io/writers/aside.c - a stream into a temporary file, renamed at the end. */
#include "io/writers/aside.h"
#include "core/log.h"
#include "core/memory.h"
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
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    *aside = (co_aside){
        .path = co_strdup(path),
        .temporary = co_format("%.*s.%s.tmp-%ld", (int)(name - path), path, name, (long)getpid())};
    co_status st = CO_OK;
    if (!aside->path || !aside->temporary) st = CO_FAIL(CO_ENOMEM, "%s: name of the file", path);
    if (st == CO_OK && !(aside->out = fopen(aside->temporary, "wbe"))) st = cannot(path, errno);
    return st == CO_OK ? st : co_aside_end(aside, st);
}

co_status co_aside_end(co_aside *aside, co_status status)
{
    errno = 0;
    if (aside->out) {
        const bool good =
            fflush(aside->out) == 0 && !ferror(aside->out) && fsync(fileno(aside->out)) == 0;
        const int error = errno;
        if (fclose(aside->out) != 0 || !good)
            if (status == CO_OK) status = cannot(aside->path, error);
        if (status == CO_OK && rename(aside->temporary, aside->path) != 0)
            status = cannot(aside->path, errno);
        if (status != CO_OK) unlink(aside->temporary);
    }
    co_free(aside->path);
    co_free(aside->temporary);
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
