#include "broker/books.h"

int64_t
ph_books_balance(const ph_books *books, uint64_t pending)
{
	uint64_t in = 0, out = pending;
#define X(field) in += books->field;
	PH_BOOKS_IN(X)
#undef X
#define X(field) out += books->field;
	PH_BOOKS_OUT(X)
#undef X
	return (int64_t) (in - out);
}

void
ph_books_add(ph_books *sum, const ph_books *more)
{
#define X(field) sum->field += more->field;
	PH_BOOKS_IN(X)
	PH_BOOKS_OUT(X)
#undef X
}
