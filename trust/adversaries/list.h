/* trust/adversaries/list.h - the members of the kind attack. */
X(none)
X(sign_flip)
X(bit_flip)
X(gaussian)
X(alie)
X(ipm)
X(label_flip)
