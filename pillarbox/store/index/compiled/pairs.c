/* `listing.pairs`: words and what stands between them, as `pairs.py` says it is listed. */

#include "list.h"

#define BEYOND 15 /* classes of octets that are no ASCII */
#define OTHER '\2'
#define RING '\3'

typedef struct {
    const unsigned char *octets;
    size_t size;
} Text;

typedef struct {
    Text text;
    int64_t whole; /* its number among the frequent ones; -1 where it is none; the empty one is whole too */
} Word;

typedef struct {
    List list;
    List frequent, separators;
    uint32_t *usual, *ringed; /* of each frequent word, the last message that has it with a space on both sides,
                                 and that has it otherwise, and one more */
    uint32_t *rings;          /* the frequent words that this message has otherwise */
    size_t ring_count;
    uint32_t message;
} Pairs;

static int
has(const List *list, const unsigned char *octets, size_t size)
{
    return number_in(list, octets, size) >= 0;
}

static int
is_space(Text text)
{
    return text.size == 1 && *text.octets == ' ';
}

static unsigned char *
added(unsigned char *at, Text text)
{
    memcpy(at, text.octets, text.size);
    return at + text.size;
}

static unsigned char *
classes(unsigned char *at, const unsigned char *octets, size_t size)
{
    for (; size--; octets++)
        *at++ = *octets < 0x80 ? *octets : 0x10 + *octets % BEYOND;
    return at;
}

static int
is_whole(Word word)
{
    return word.whole >= 0 || word.text.size == 0;
}

static int
paired(Pairs *pairs, Word first, Text separator, Word second)
{
    unsigned char line[SHORT], *at = line;
    size_t letters = is_space(separator) ? 2 : 1;
    if (separator.size == 0)
        return 0;
    if (is_whole(first))
        at = added(at, first.text);
    else {
        size_t size = first.text.size < letters ? first.text.size : letters;
        *at++ = '*';
        at = classes(at, first.text.octets + first.text.size - size, size);
    }
    at = added(at, separator);
    if (is_whole(second))
        at = added(at, second.text);
    else {
        at = classes(at, second.text.octets, second.text.size < letters ? second.text.size : letters);
        *at++ = '*';
    }
    return listed_soon(&pairs->list, line, (size_t)(at - line), pairs->message);
}

static int
ringed(Pairs *pairs, Text left, Word word, Text right)
{
    unsigned char line[SHORT], *at = line;
    if (word.whole < 0)
        return 0;
    if (is_space(left) && is_space(right)) {
        pairs->usual[word.whole] = pairs->message + 1;
        return 0;
    }
    if (pairs->ringed[word.whole] != pairs->message + 1) {
        pairs->ringed[word.whole] = pairs->message + 1;
        pairs->rings[pairs->ring_count++] = (uint32_t)word.whole;
    }
    *at++ = RING;
    at = added(added(added(at, left), word.text), right);
    return listed_soon(&pairs->list, line, (size_t)(at - line), pairs->message);
}

static int
never_usual(Pairs *pairs)
{
    for (size_t at = 0; at < pairs->ring_count; at++) {
        unsigned char line[LONG + 2];
        const Run *word = pairs->frequent.runs + pairs->rings[at];
        if (pairs->usual[pairs->rings[at]] == pairs->message + 1)
            continue;
        line[0] = line[word->size + 1] = RING;
        memcpy(line + 1, pairs->frequent.octets + word->at, word->size);
        if (listed_soon(&pairs->list, line, word->size + 2, pairs->message))
            return -1;
    }
    pairs->ring_count = 0;
    return 0;
}

/* Of one line of a text, without its end. */
static int
paired_line(Pairs *pairs, const unsigned char *at, const unsigned char *end)
{
    static const unsigned char other = OTHER;
    Word before = {{at, 0}, -1};
    Text left = {at, 0};
    int begun = 0; /* there has been a word */
    for (;;) {
        Text right = {at, 0};
        while (at < end && kinds[*at] == BORDER)
            at++;
        right.size = (size_t)(at - right.octets);
        if (right.size && !has(&pairs->separators, right.octets, right.size))
            right = (Text){&other, 1};
        Word word = {{at, 0}, -1};
        while (at < end && kinds[*at] == WORD)
            at++;
        word.text.size = (size_t)(at - word.text.octets);
        if (word.text.size == 0 && !begun)
            return 0;
        if (word.text.size && word.text.size <= LONG)
            word.whole = number_in(&pairs->frequent, word.text.octets, word.text.size);
        if ((begun && ringed(pairs, left, before, right)) || paired(pairs, before, right, word))
            return -1;
        if (word.text.size == 0)
            return 0;
        begun = 1;
        before = word;
        left = right;
    }
}

static int
paired_text(Pairs *pairs, const unsigned char *at, const unsigned char *end)
{
    while (at < end) {
        const unsigned char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        if (paired_line(pairs, at, stop))
            return -1;
        at = stop + 1;
    }
    return never_usual(pairs);
}

static int
listed_each(List *list, PyObject *words)
{
    PyObject *word = NULL, *iterator = PyObject_GetIter(words);
    int failed = iterator == NULL;
    while (!failed && (word = PyIter_Next(iterator)) != NULL) {
        char *octets;
        Py_ssize_t size;
        failed = PyBytes_AsStringAndSize(word, &octets, &size) ||
                 listed(list, (const unsigned char *)octets, (size_t)size, 0);
        Py_DECREF(word);
    }
    Py_XDECREF(iterator);
    return failed || PyErr_Occurred() != NULL;
}

static int
fits(const List *list, size_t most)
{
    for (size_t number = 0; number < list->count; number++)
        if (list->runs[number].size == 0 || list->runs[number].size > most) {
            PyErr_SetString(PyExc_ValueError, "words and separators that may be listed");
            return 0;
        }
    return 1;
}

PyObject *
pairs(PyObject *module, PyObject *args)
{
    PyObject *texts, *frequent, *separators, *answer = NULL, *item = NULL, *iterator = NULL;
    Pairs all = {0};
    if (!PyArg_ParseTuple(args, "OOO", &texts, &frequent, &separators) ||
        listed_each(&all.frequent, frequent) || listed_each(&all.separators, separators) ||
        !fits(&all.frequent, LONG) || !fits(&all.separators, LONG / 4))
        goto done;
    all.usual = calloc(all.frequent.count + 1, sizeof(uint32_t));
    all.ringed = calloc(all.frequent.count + 1, sizeof(uint32_t));
    all.rings = calloc(all.frequent.count + 1, sizeof(uint32_t));
    if (all.usual == NULL || all.ringed == NULL || all.rings == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    if ((iterator = PyObject_GetIter(texts)) == NULL)
        goto done;
    while ((item = PyIter_Next(iterator)) != NULL) {
        PyObject *rest;
        char *text;
        Py_ssize_t size;
        if (text_of(item, &all.message, &rest) || PyBytes_AsStringAndSize(rest, &text, &size) ||
            paired_text(&all, (unsigned char *)text, (unsigned char *)text + size))
            goto done;
        Py_DECREF(item);
    }
    if (!PyErr_Occurred())
        answer = packed(&all.list);
done:
    Py_XDECREF(item);
    Py_XDECREF(iterator);
    dropped(&all.list);
    dropped(&all.frequent);
    dropped(&all.separators);
    free(all.usual);
    free(all.ringed);
    free(all.rings);
    return answer;
}
