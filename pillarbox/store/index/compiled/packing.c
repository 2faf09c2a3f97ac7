/* A list as it is kept: the most frequent runs first. `vocabulary.py` has the form. */

#include "list.h"

typedef struct {
    uint64_t begin; /* its first octets, so that most runs are compared without looking at them */
    uint32_t count, run;
} Place;

static const List *sorted_list; /* qsort hands nothing on; the interpreter's lock is held throughout */

static int
compared(const void *left, const void *right)
{
    const Place *one = left, *other = right;
    if (one->count != other->count)
        return one->count > other->count ? -1 : 1;
    if (one->begin != other->begin)
        return one->begin < other->begin ? -1 : 1;
    const Run *a = sorted_list->runs + one->run, *b = sorted_list->runs + other->run;
    int order =
        memcmp(sorted_list->octets + a->at, sorted_list->octets + b->at, a->size < b->size ? a->size : b->size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* All runs in the order in which they are kept; NULL with an error. */
static Place *
in_order(const List *list)
{
    Place *places = malloc(list->count * sizeof *places);
    if (places == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (size_t number = 0; number < list->count; number++) {
        const Run *run = list->runs + number;
        uint64_t begin = 0;
        for (uint32_t at = 0; at < 8; at++)
            begin = begin << 8 | (at < run->size ? list->octets[run->at + at] : 0);
        places[number] = (Place){begin, run->count, (uint32_t)number};
    }
    sorted_list = list;
    qsort(places, list->count, sizeof *places, compared);
    return places;
}

/* (words, steps, postings), as `vocabulary.py` says what they are; None of an empty list. `first` is set to
   the place in the postings where each run's own begin, and `postings` to where they are to be put. */
PyObject *
kept(const List *list, uint32_t **first, unsigned char **postings)
{
    *first = NULL;
    if (list->count == 0)
        Py_RETURN_NONE;
    Place *places = in_order(list);
    if (places == NULL)
        return NULL;
    size_t steps = 0, total = 0;
    for (size_t at = 0; at < list->count; at++) {
        total += places[at].count;
        steps += at == 0 || places[at].count != places[at - 1].count;
    }
    PyObject *answer = NULL;
    PyObject *words = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(list->used + list->count + 1));
    PyObject *stepped = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(12 * steps));
    PyObject *posted = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(2 * total));
    *first = malloc(list->count * sizeof **first);
    if (total > UINT32_MAX)
        PyErr_SetString(PyExc_OverflowError, "too much to be listed together");
    else if (*first == NULL)
        PyErr_NoMemory();
    else if (words != NULL && stepped != NULL && posted != NULL) {
        unsigned char *word = (unsigned char *)PyBytes_AsString(words);
        unsigned char *step = (unsigned char *)PyBytes_AsString(stepped);
        *postings = (unsigned char *)PyBytes_AsString(posted);
        uint32_t base = 0;
        for (size_t at = 0; at < list->count; at++) {
            const Run *run = list->runs + places[at].run;
            *word++ = '\n';
            memcpy(word, list->octets + run->at, run->size);
            word += run->size;
            if (at == 0 || places[at].count != places[at - 1].count) {
                put(step, (uint32_t)at, 4);
                put(step + 4, run->count, 4);
                put(step + 8, base, 4);
                step += 12;
            }
            (*first)[places[at].run] = base;
            base += run->count;
        }
        *word = '\n';
        answer = PyTuple_Pack(3, words, stepped, posted);
    }
    if (answer == NULL) {
        free(*first);
        *first = NULL;
    }
    free(places);
    Py_XDECREF(words);
    Py_XDECREF(stepped);
    Py_XDECREF(posted);
    return answer;
}

PyObject *
packed(List *list)
{
    uint32_t *first;
    unsigned char *postings;
    if (settled(list))
        return NULL;
    PyObject *answer = kept(list, &first, &postings);
    if (first != NULL)
        for (size_t at = 0; at < list->posted; at++) {
            const Posting *posting = list->postings + at;
            put(postings + 2 * (size_t)first[posting->run]++, posting->message, 2);
        }
    free(first);
    return answer;
}
