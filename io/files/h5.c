/* io/files/h5.c - small help with HDF5: sizes of our types, reasons of failures, handles. */
#include "io/files/file_private.h"
#include <stdio.h>

size_t co_dtype_size(co_dtype type, size_t width)
{
    switch (type) {
    case CO_U8: return 1;
    case CO_I32:
    case CO_F32: return 4;
    case CO_STR: return width;
    default: return 8;
    }
}

size_t co_extent_count(const co_extent *extent)
{
    size_t n = 1;
    for (size_t i = 0; i < extent->ndim; i++) n *= extent->dim[i];
    return n;
}

static herr_t keep_reason(unsigned depth, const H5E_error2_t *error, void *text)
{
    if (depth == 0 && error->desc) snprintf(text, 160, "%s", error->desc);
    return 0;
}

const char *co_h5_reason(void)
{
    static char text[160];
    text[0] = '\0';
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_reason, text);
    return text;
}

void co_h5_close(hid_t id)
{
    if (id > 0) H5Idec_ref(id);
}

hid_t co_h5_timeless(hid_t property_class)
{
    const hid_t list = H5Pcreate(property_class);
    if (list >= 0) H5Pset_obj_track_times(list, 0);
    return list;
}
