/* io/files/inputs.c - the same file, under whatever name or link: by device and inode. */
#include "io/files/inputs.h"
#include <sys/stat.h>

co_status co_output_differs(const char *output, const char *const *inputs, size_t n_inputs)
{
    struct stat out, in;
    if (stat(output, &out) != 0) return CO_OK;
    for (size_t i = 0; i < n_inputs; i++)
        if (inputs[i] && stat(inputs[i], &in) == 0 && S_ISREG(in.st_mode) &&
            in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return CO_FAIL(CO_EUSAGE,
                           "%s is the file that is read (%s), which the result would replace; "
                           "choose another name for the result",
                           output, inputs[i]);
    return CO_OK;
}
