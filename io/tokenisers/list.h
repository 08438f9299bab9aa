/* io/tokenisers/list.h - the members of the kind tokeniser. */
X(char)
X(byte)
X(word)
X(blank)
X(wordpiece)
