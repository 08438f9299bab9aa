/* privacy/accountants/list.h - the members of the kind accountant; the first is the default. */
X(pld)
X(rdp)
