/* A list in the making: which runs are in which messages. What is made of it, and what makes it.

   All that is here answers octet for octet as `listing.py`, which says what it means; who has no compiler has
   that. Texts come from anybody: every octet is looked at within its text, sizes are checked before they are
   used, and the hash has a secret, so that nobody can choose words that collide. A function that may fail says
   so by something that is not 0, or by NULL, with an error set for Python. */

#ifndef LIST_H
#define LIST_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NEITHER, WORD, BORDER };

#define LONG 64 /* octets of a run that is not listed whole: `runs.LONG` */

#define SHORT (3 * LONG) /* octets of a run that may wait */
#define TOGETHER 32      /* runs that wait until they are listed */
#define MOST_OCTETS UINT32_MAX /* of all different runs of one list */
#define MOST_RUNS (UINT32_MAX / 4)

typedef struct {
    uint64_t key;      /* of its first octets; of up to eight it says, with their number, which they are */
    uint32_t at, size; /* its octets, in `octets` */
    uint32_t count;    /* messages it is in */
    uint32_t last;     /* the one that was listed last, and one more */
} Run;

typedef struct {
    uint32_t tag; /* of its hash, to look at fewer runs */
    uint32_t run; /* its number and one more; 0 where there is none */
} Slot;

typedef struct {
    uint32_t run, message;
} Posting;

/* A run that waits to be listed: see `listed_soon`. */
typedef struct {
    uint64_t key, hash;
    uint32_t size, message;
    unsigned char octets[SHORT];
} Waiting;

typedef struct {
    unsigned char *octets;
    size_t used, room;
    Run *runs;
    size_t count, runs_room;
    Slot *slots;
    size_t mask;
    Posting *postings; /* in the order of messages */
    size_t posted, postings_room;
    Waiting waiting[TOGETHER];
    size_t wait;
} List;

extern uint64_t secret[3];
extern unsigned char kinds[256]; /* of octets, as `runs.py` says */

/* Write a number, the lowest octet first. */
static inline void
put(unsigned char *where, uint32_t number, int octets)
{
    for (; octets--; number >>= 8)
        *where++ = (unsigned char)number;
}

/* list.c */
int grown(void **items, size_t *room, size_t needed, size_t each);
void dropped(List *list);
uint64_t key_of(const unsigned char *octets, size_t size);
uint64_t hash_of(uint64_t key, const unsigned char *octets, size_t size);
int rehashed(List *list);
int64_t number_in(const List *list, const unsigned char *octets, size_t size);
int64_t number_of(List *list, uint64_t key, uint64_t hash, const unsigned char *octets, size_t size);
int settled(List *list);
int listed(List *list, const unsigned char *octets, size_t size, uint32_t message);
int listed_soon(List *list, const unsigned char *octets, size_t size, uint32_t message);

/* packing.c */
PyObject *kept(const List *list, uint32_t **first, unsigned char **postings);
PyObject *packed(List *list);

/* runs.c */
int text_of(PyObject *item, uint32_t *message, PyObject **rest);

/* What Python calls. */
PyObject *runs(PyObject *module, PyObject *texts);
PyObject *lines(PyObject *module, PyObject *texts);
PyObject *pairs(PyObject *module, PyObject *args);
PyObject *join(PyObject *module, PyObject *given);

#endif
