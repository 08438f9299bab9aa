/* io/files/file_attributes.c - attributes of the root ("seed") and of objects ("x@scale"): text,
 * integers, reals.
 *
 * Text is written as one fixed-length UTF-8 string and read from fixed or variable ones. Setting an
 * attribute again replaces it. */
#include "io/files/file_private.h"
#include "core/memory.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "object@attribute" taken apart; the object of a bare name is the root. */
typedef struct {
    char text[1024];
    const char *object, *attribute;
} address;

/* False for a name that is too long to be one of ours. No allocation: whether an attribute is there
 * must not depend on memory. */
static bool take_apart(const char *name, address *out)
{
    const size_t n = strlen(name);
    if (n >= sizeof out->text) return false;
    memcpy(out->text, name, n + 1);
    char *at = strrchr(out->text, '@');
    out->object = at ? out->text : "/";
    out->attribute = at ? at + 1 : out->text;
    if (at) *at = '\0';
    return true;
}

static bool has(const co_file *file, const address *a)
{
    if (strcmp(a->object, "/") != 0 && !co_file_has(file, a->object)) return false;
    return H5Aexists_by_name(file->h5, a->object, a->attribute, H5P_DEFAULT) > 0;
}

bool co_file_has_attr(const co_file *file, const char *name)
{
    address a;
    return take_apart(name, &a) && has(file, &a);
}

/* ---- writing ---- */

/* n < 0: scalar. Takes the types. */
static co_status write_attribute(co_file *file, const char *name, hid_t stored, hid_t memory,
                                 int64_t n, const void *data)
{
    address a;
    co_status st = CO_OK;
    const bool fits = take_apart(name, &a);
    CO_ASSERT(file->writing && fits);
    const hsize_t dim = n > 0 ? (hsize_t)n : 0;
    const hid_t space = n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dim, NULL);
    if (has(file, &a)) H5Adelete_by_name(file->h5, a.object, a.attribute, H5P_DEFAULT);
    errno = 0;
    const hid_t id = H5Acreate_by_name(file->h5, a.object, a.attribute, stored, space, H5P_DEFAULT,
                                       H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0 || H5Awrite(id, memory, data) < 0) {
        const int error = errno;
        char doing[320];
        snprintf(doing, sizeof doing, "write the attribute %.120s (HDF5: %s)", name,
                 co_h5_reason());
        st = co_file_errno(file->path, doing, error);
    }
    co_h5_close(id);
    co_h5_close(space);
    co_h5_close(stored);
    co_h5_close(memory);
    return st;
}

co_status co_file_set_text(co_file *file, const char *name, const char *text)
{
    const size_t width = text[0] ? strlen(text) : 1;
    return write_attribute(file, name, co_h5_memory_type(CO_STR, width),
                           co_h5_memory_type(CO_STR, width), -1, text);
}

co_status co_file_set_int(co_file *file, const char *name, int64_t value)
{
    return write_attribute(file, name, H5Tcopy(H5T_STD_I64LE), H5Tcopy(H5T_NATIVE_INT64), -1,
                           &value);
}

co_status co_file_set_u64(co_file *file, const char *name, uint64_t value)
{
    return write_attribute(file, name, H5Tcopy(H5T_STD_U64LE), H5Tcopy(H5T_NATIVE_UINT64), -1,
                           &value);
}

co_status co_file_set_reals(co_file *file, const char *name, const double *values, size_t n)
{
    return write_attribute(file, name, H5Tcopy(H5T_IEEE_F64LE), H5Tcopy(H5T_NATIVE_DOUBLE),
                           n == 1 ? -1 : (int64_t)n, values);
}

co_status co_file_set_head(co_file *file, uint64_t seed, const char *config, const char *source)
{
    CO_TRY(co_file_set_text(file, "format", file->format));
    CO_TRY(co_file_set_int(file, "version", CO_FILE_VERSION));
    CO_TRY(co_file_set_text(file, "tool", "cohort " CO_VERSION));
    CO_TRY(co_file_set_u64(file, "seed", seed));
    CO_TRY(co_file_set_text(file, "config", config ? config : ""));
    return co_file_set_text(file, "source", source ? source : "");
}

/* ---- reading ---- */

typedef struct {
    hid_t id, type, space;
    size_t n; /* elements */
} attribute;

static void close_attribute(attribute *a)
{
    co_h5_close(a->space);
    co_h5_close(a->type);
    co_h5_close(a->id);
}

/* Ends with close_attribute, also after a failure. */
static co_status open_attribute(const co_file *file, const char *name, attribute *a)
{
    *a = (attribute){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, 0};
    address where;
    const bool there = take_apart(name, &where) && has(file, &where);
    if (there)
        a->id = H5Aopen_by_name(file->h5, where.object, where.attribute, H5P_DEFAULT, H5P_DEFAULT);
    if (!there) return CO_FAIL(CO_EDATA, "%s: has no attribute %s", file->path, name);
    a->type = H5Aget_type(a->id);
    a->space = H5Aget_space(a->id);
    const hssize_t n = H5Sget_simple_extent_npoints(a->space);
    if (a->type < 0 || n < 0)
        return CO_FAIL(CO_EDATA, "%s: attribute %s cannot be read", file->path, name);
    a->n = (size_t)n;
    return CO_OK;
}

bool co_file_is_text(const co_file *file, const char *name)
{
    address where;
    if (!take_apart(name, &where)) return false;
    const hid_t id =
        H5Aopen_by_name(file->h5, where.object, where.attribute, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Aget_type(id);
    const bool is = H5Tget_class(type) == H5T_STRING;
    co_h5_close(type);
    co_h5_close(id);
    return is;
}

static co_status wrong(const co_file *file, const char *name, const char *wanted)
{
    return CO_FAIL(CO_EDATA, "%s: attribute %s is not %s", file->path, name, wanted);
}

static co_status get_variable_text(const attribute *a, char **text)
{
    char *theirs = NULL;
    if (H5Aread(a->id, a->type, &theirs) < 0) return CO_EDATA;
    *text = co_strdup(theirs ? theirs : "");
    H5Dvlen_reclaim(a->type, a->space, H5P_DEFAULT, &theirs);
    return *text ? CO_OK : CO_ENOMEM;
}

static co_status get_fixed_text(const attribute *a, char **text)
{
    const size_t width = H5Tget_size(a->type);
    const hid_t memory = H5Tcopy(a->type);
    H5Tset_strpad(memory, H5T_STR_NULLPAD);
    *text = co_calloc(width + 1, 1);
    co_status st = *text ? CO_OK : CO_ENOMEM;
    if (st == CO_OK && H5Aread(a->id, memory, *text) < 0) st = CO_EDATA;
    co_h5_close(memory);
    if (st != CO_OK) {
        co_free(*text);
        *text = NULL;
    }
    return st;
}

co_status co_file_get_text(const co_file *file, const char *name, char **text)
{
    *text = NULL;
    attribute a;
    co_status st = open_attribute(file, name, &a);
    if (st == CO_OK && (H5Tget_class(a.type) != H5T_STRING || a.n != 1)) {
        st = wrong(file, name, "one text");
    } else if (st == CO_OK) {
        st =
            H5Tis_variable_str(a.type) > 0 ? get_variable_text(&a, text) : get_fixed_text(&a, text);
        if (st == CO_EDATA) wrong(file, name, "readable text");
        if (st == CO_ENOMEM) CO_FAIL(st, "%s: out of memory for attribute %s", file->path, name);
    }
    close_attribute(&a);
    return st;
}

/* One integer of at most 8 bytes, as int64 or uint64. */
static co_status get_integer(const co_file *file, const char *name, bool is_signed, void *value)
{
    attribute a;
    co_status st = open_attribute(file, name, &a);
    if (st == CO_OK) {
        const H5T_class_t class = H5Tget_class(a.type);
        uint64_t bits = 0;
        const bool plain =
            (class == H5T_INTEGER || class == H5T_ENUM) && a.n == 1 && H5Tget_size(a.type) <= 8;
        const bool stored_signed = class == H5T_ENUM || H5Tget_sign(a.type) == H5T_SGN_2;
        if (!plain ||
            H5Aread(a.id, stored_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, &bits) < 0)
            st = wrong(file, name, "one integer");
        else if (is_signed != stored_signed && bits > (uint64_t)INT64_MAX)
            st = wrong(file, name, is_signed ? "below 2^63" : "an integer from 0");
        memcpy(value, &bits, sizeof bits);
    }
    close_attribute(&a);
    return st;
}

co_status co_file_get_int(const co_file *file, const char *name, int64_t *value)
{
    return get_integer(file, name, true, value);
}

co_status co_file_get_u64(const co_file *file, const char *name, uint64_t *value)
{
    return get_integer(file, name, false, value);
}

co_status co_file_get_reals(const co_file *file, const char *name, double **values, size_t *n)
{
    *values = NULL;
    *n = 0;
    attribute a;
    co_status st = open_attribute(file, name, &a);
    if (st == CO_OK) {
        const H5T_class_t class = H5Tget_class(a.type);
        double *block = co_calloc(a.n, sizeof *block);
        if (!block)
            st = CO_FAIL(CO_ENOMEM, "%s: out of memory for attribute %s", file->path, name);
        else if ((class != H5T_FLOAT && class != H5T_INTEGER) ||
                 H5Aread(a.id, H5T_NATIVE_DOUBLE, block) < 0)
            st = wrong(file, name, "a number or a list of numbers");
        if (st == CO_OK) {
            *values = block;
            *n = a.n;
        } else {
            co_free(block);
        }
    }
    close_attribute(&a);
    return st;
}
