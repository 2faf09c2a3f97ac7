/* `listing.join`: one list of several. */

#include "list.h"

/* A vocabulary that is joined with others. */
typedef struct {
    const unsigned char *words, *steps, *postings;
    Py_ssize_t words_size, steps_size, postings_size;
    unsigned int more;
} Part;

typedef struct {
    size_t first, stop; /* runs */
    uint32_t size, base;
} Step;

static uint32_t
number_at(const unsigned char *octets)
{
    return octets[0] | (uint32_t)octets[1] << 8 | (uint32_t)octets[2] << 16 | (uint32_t)octets[3] << 24;
}

/* The runs of a step have their postings one after the other; those of the last go on to the end. */
static Step
step_of(const Part *part, Py_ssize_t at, size_t count)
{
    const unsigned char *step = part->steps + at;
    size_t stop = at + 12 < part->steps_size ? number_at(step + 12) : count;
    return (Step){number_at(step), stop, number_at(step + 4), number_at(step + 8)};
}

static int
damaged(void)
{
    PyErr_SetString(PyExc_ValueError, "no vocabulary");
    return -1;
}

/* List what is in a part. `numbers` gets the number of each of its runs. */
static int
taken(List *list, const Part *part, uint32_t **numbers, size_t *used, size_t *room)
{
    const unsigned char *at = part->words, *end = at + part->words_size;
    size_t before = *used;
    if (part->words_size < 2 || *at != '\n' || end[-1] != '\n' || part->steps_size % 12)
        return damaged();
    if (list->mask == 0 && rehashed(list))
        return -1;
    for (at++; at < end;) {
        struct {
            const unsigned char *octets;
            size_t size;
            uint64_t key, hash;
        } some[TOGETHER]; /* as in `listed_soon` */
        size_t count = 0;
        for (; at < end && count < TOGETHER; count++) {
            const unsigned char *stop = memchr(at, '\n', (size_t)(end - at));
            size_t size = (size_t)(stop - at);
            uint64_t key = key_of(at, size), hash = hash_of(key, at, size);
            some[count].octets = at;
            some[count].size = size;
            some[count].key = key;
            some[count].hash = hash;
            __builtin_prefetch(list->slots + (hash & list->mask));
            at = stop + 1;
        }
        if (grown((void **)numbers, room, *used + count, sizeof **numbers))
            return -1;
        for (size_t next = 0; next < count; next++) {
            int64_t number =
                number_of(list, some[next].key, some[next].hash, some[next].octets, some[next].size);
            if (number < 0)
                return -1;
            (*numbers)[(*used)++] = (uint32_t)number;
        }
    }
    size_t count = *used - before, expected = 0;
    for (Py_ssize_t next = 0; next < part->steps_size; next += 12) {
        Step step = step_of(part, next, count);
        if (step.first != expected || step.stop < step.first || step.stop > count ||
            2 * (step.base + (uint64_t)(step.stop - step.first) * step.size) > (uint64_t)part->postings_size)
            return damaged();
        for (size_t run = step.first; run < step.stop; run++)
            list->runs[(*numbers)[before + run]].count += step.size;
        expected = step.stop;
    }
    return expected == count ? 0 : damaged();
}

static void
moved(const Part *part, const uint32_t *numbers, size_t count, uint32_t *first, unsigned char *postings)
{
    for (Py_ssize_t next = 0; next < part->steps_size; next += 12) {
        Step step = step_of(part, next, count);
        const unsigned char *from = part->postings + 2 * (size_t)step.base;
        for (size_t run = step.first; run < step.stop; run++) {
            unsigned char *to = postings + 2 * (size_t)first[numbers[run]];
            for (uint32_t left = step.size; left--; from += 2, to += 2)
                put(to, (from[0] | (uint32_t)from[1] << 8) + part->more, 2);
            first[numbers[run]] += step.size;
        }
    }
}

PyObject *
join(PyObject *module, PyObject *given)
{
    List list = {0};
    uint32_t *numbers = NULL, *first = NULL;
    size_t used = 0, room = 0;
    unsigned char *postings;
    Part *parts = NULL;
    size_t *begins = NULL;
    PyObject *answer = NULL;
    if (!PyList_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "a list of vocabularies");
        return NULL;
    }
    Py_ssize_t count = PyList_Size(given);
    parts = calloc((size_t)count + 1, sizeof *parts);
    begins = calloc((size_t)count + 1, sizeof *begins);
    if (parts == NULL || begins == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t at = 0; at < count; at++) {
        Part *part = parts + at;
        PyObject *item = PyList_GetItem(given, at);
        if (!PyTuple_Check(item)) {
            PyErr_SetString(PyExc_TypeError, "words, steps, postings, and what numbers grow by");
            goto done;
        }
        if (!PyArg_ParseTuple(item, "y#y#y#I", &part->words, &part->words_size,
                              &part->steps, &part->steps_size, &part->postings, &part->postings_size,
                              &part->more))
            goto done;
        begins[at] = used;
        if (taken(&list, part, &numbers, &used, &room))
            goto done;
    }
    begins[count] = used;
    answer = kept(&list, &first, &postings);
    if (first != NULL)
        for (Py_ssize_t at = 0; at < count; at++)
            moved(parts + at, numbers + begins[at], begins[at + 1] - begins[at], first, postings);
done:
    free(parts);
    free(begins);
    free(numbers);
    free(first);
    dropped(&list);
    return answer;
}
