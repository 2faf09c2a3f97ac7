/* What `listing.py` does in Python, without an object for each word: which runs are in which messages.

   The functions here answer octet for octet as their namesakes there, which say what they mean; who has no
   compiler has those. Texts come from anybody: every octet is looked at within its text, all sizes are
   checked before they are used, and the hash has a secret, so that nobody can choose words that collide. */

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

static uint64_t secret[3];
static unsigned char kinds[256]; /* of octets, as `runs.py` says */

/* Lists */

static int
grown(void **items, size_t *room, size_t needed, size_t each)
{
    if (needed <= *room)
        return 0;
    size_t more = *room ? *room : 1024;
    while (more < needed)
        more *= 2;
    void *moved = realloc(*items, more * each);
    if (moved == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *items = moved;
    *room = more;
    return 0;
}

static void
dropped(List *list)
{
    free(list->octets);
    free(list->runs);
    free(list->slots);
    free(list->postings);
    memset(list, 0, sizeof *list);
}

static uint64_t
word_at(const unsigned char *octets, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, octets, size);
    return word;
}

static uint64_t
mixed(uint64_t one, uint64_t other)
{
    unsigned __int128 product = (unsigned __int128)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t
key_of(const unsigned char *octets, size_t size)
{
    if (size >= 8)
        return word_at(octets, 8);
    if (size >= 4)
        return word_at(octets, 4) | word_at(octets + size - 4, 4) << 32;
    return size ? (uint64_t)octets[0] << 16 | (uint64_t)octets[size / 2] << 8 | octets[size - 1] : 0;
}

static uint64_t
hash_of(uint64_t key, const unsigned char *octets, size_t size)
{
    uint64_t hash = mixed(key ^ secret[0] ^ size, secret[1]);
    for (; size > 8; size -= 8) {
        octets += 8;
        hash = mixed(hash ^ key_of(octets, size - 8), secret[2]);
    }
    return hash;
}

static int
rehashed(List *list)
{
    size_t room = list->mask ? 2 * (list->mask + 1) : 4096;
    Slot *slots = calloc(room, sizeof *slots);
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t number = 0; number < list->count; number++) {
        Run *run = list->runs + number;
        uint64_t hash = hash_of(run->key, list->octets + run->at, run->size);
        size_t at = hash & (room - 1);
        while (slots[at].run)
            at = (at + 1) & (room - 1);
        slots[at] = (Slot){(uint32_t)(hash >> 32), (uint32_t)number + 1};
    }
    free(list->slots);
    list->slots = slots;
    list->mask = room - 1;
    return 0;
}

/* The place of a run among the slots, or the free one where it belongs. */
static size_t
slot_of(const List *list, uint64_t key, uint64_t hash, const unsigned char *octets, size_t size)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    size_t at = hash & list->mask;
    for (; list->slots[at].run; at = (at + 1) & list->mask) {
        if (list->slots[at].tag != tag)
            continue;
        const Run *run = list->runs + list->slots[at].run - 1;
        if (run->size == size && run->key == key &&
            (size <= 8 || memcmp(list->octets + run->at, octets, size) == 0))
            break;
    }
    return at;
}

/* The number of a run; -1 where there is none like it. */
static int64_t
number_in(const List *list, const unsigned char *octets, size_t size)
{
    if (list->mask == 0)
        return -1;
    uint64_t key = key_of(octets, size);
    return (int64_t)list->slots[slot_of(list, key, hash_of(key, octets, size), octets, size)].run - 1;
}

static int
has(const List *list, const unsigned char *octets, size_t size)
{
    return number_in(list, octets, size) >= 0;
}

/* The number of a run, which is given one where it is new; -1 with an error. */
static int64_t
number_of(List *list, uint64_t key, uint64_t hash, const unsigned char *octets, size_t size)
{
    if (list->mask == 0 && rehashed(list))
        return -1;
    size_t at = slot_of(list, key, hash, octets, size);
    if (list->slots[at].run)
        return list->slots[at].run - 1;
    if (list->used + size > MOST_OCTETS || list->count >= MOST_RUNS) {
        PyErr_SetString(PyExc_OverflowError, "too much to be listed together");
        return -1;
    }
    if (grown((void **)&list->octets, &list->room, list->used + size + 1, 1) ||
        grown((void **)&list->runs, &list->runs_room, list->count + 1, sizeof(Run)))
        return -1;
    memcpy(list->octets + list->used, octets, size);
    list->runs[list->count] = (Run){key, (uint32_t)list->used, (uint32_t)size, 0, 0};
    list->used += size;
    list->slots[at] = (Slot){(uint32_t)(hash >> 32), (uint32_t)++list->count};
    if (2 * list->count > list->mask && rehashed(list))
        return -1;
    return (int64_t)list->count - 1;
}

static int
posted(List *list, uint64_t key, uint64_t hash, const unsigned char *octets, size_t size, uint32_t message)
{
    int64_t number = number_of(list, key, hash, octets, size);
    if (number < 0)
        return -1;
    Run *run = list->runs + number;
    if (run->last == message + 1)
        return 0;
    if (grown((void **)&list->postings, &list->postings_room, list->posted + 1, sizeof(Posting)))
        return -1;
    run->last = message + 1;
    run->count++;
    list->postings[list->posted++] = (Posting){(uint32_t)number, message};
    return 0;
}

/* List what waits. */
static int
settled(List *list)
{
    for (size_t at = 0; at < list->wait; at++) {
        const Slot *slot = list->slots + (list->waiting[at].hash & list->mask);
        if (slot->run)
            __builtin_prefetch(list->runs + slot->run - 1);
    }
    for (size_t at = 0; at < list->wait; at++) {
        const Waiting *run = list->waiting + at;
        if (posted(list, run->key, run->hash, run->octets, run->size, run->message))
            return -1;
    }
    list->wait = 0;
    return 0;
}

/* List a run as being in a message. All runs of a message come before those of the next. */
static int
listed(List *list, const unsigned char *octets, size_t size, uint32_t message)
{
    uint64_t key = key_of(octets, size);
    return posted(list, key, hash_of(key, octets, size), octets, size, message);
}

/* As `listed`, for a list that is too long for the nearer caches, where nearly all the time goes by waiting
   for a slot, and for the run it tells. So some runs are collected, while their slots are fetched, and then
   looked up together. They have at most `SHORT` octets. */
static int
listed_soon(List *list, const unsigned char *octets, size_t size, uint32_t message)
{
    uint64_t key = key_of(octets, size), hash = hash_of(key, octets, size);
    if (list->mask == 0 && rehashed(list))
        return -1;
    __builtin_prefetch(list->slots + (hash & list->mask));
    Waiting *run = list->waiting + list->wait++;
    run->key = key;
    run->hash = hash;
    run->size = (uint32_t)size;
    run->message = message;
    memcpy(run->octets, octets, size);
    return list->wait == TOGETHER ? settled(list) : 0;
}

/* Packing */

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

static void
put(unsigned char *where, uint32_t number, int octets)
{
    for (; octets--; number >>= 8)
        *where++ = (unsigned char)number;
}

/* (words, steps, postings), as `vocabulary.py` says what they are; None of an empty list. `first` is set to
   the place in the postings where each run's own begin, and `postings` to where they are to be put. */
static PyObject *
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

static PyObject *
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

/* What Python calls */

/* The octets of a `bytes`, and the number of a message before it: of each of what is iterated over. */
static int
text_of(PyObject *item, uint32_t *message, PyObject **rest)
{
    unsigned long number;
    if (!PyTuple_Check(item) || PyTuple_Size(item) != 2) {
        PyErr_SetString(PyExc_TypeError, "a number and what is listed of that message");
        return -1;
    }
    number = PyLong_AsUnsignedLong(PyTuple_GetItem(item, 0));
    if (PyErr_Occurred())
        return -1;
    if (number > UINT16_MAX) {
        PyErr_SetString(PyExc_OverflowError, "too many messages to be listed together");
        return -1;
    }
    *message = (uint32_t)number;
    *rest = PyTuple_GetItem(item, 1);
    return 0;
}

/* Separators are listed with their high bit set: so they are no white space, and no line ends. */
static void
marked(unsigned char *to, const unsigned char *from, size_t size)
{
    while (size--)
        *to++ = *from++ | 0x80;
}

static int
noted(PyObject *longer, uint32_t message, const unsigned char *octets, size_t size, int kind)
{
    PyObject *run = PyBytes_FromStringAndSize((const char *)octets, (Py_ssize_t)size);
    if (run == NULL)
        return -1;
    if (kind == BORDER)
        marked((unsigned char *)PyBytes_AsString(run), octets, size);
    PyObject *item = Py_BuildValue("(IN)", (unsigned int)message, run);
    int failed = item == NULL || PyList_Append(longer, item);
    Py_XDECREF(item);
    return failed;
}

static PyObject *
runs(PyObject *module, PyObject *texts)
{
    List lists[2] = {{0}, {0}};
    PyObject *of_words = NULL, *of_borders = NULL, *answer = NULL, *item = NULL;
    PyObject *longer[2] = {PyList_New(0), PyList_New(0)};
    PyObject *iterator = PyObject_GetIter(texts);
    if (longer[0] == NULL || longer[1] == NULL || iterator == NULL)
        goto done;
    while ((item = PyIter_Next(iterator)) != NULL) {
        uint32_t message;
        PyObject *rest;
        char *given;
        Py_ssize_t size;
        if (text_of(item, &message, &rest) || PyBytes_AsStringAndSize(rest, &given, &size))
            goto done;
        const unsigned char *at = (const unsigned char *)given, *end = at + size;
        while (at < end) {
            const unsigned char *begin = at;
            unsigned char kind = kinds[*at++];
            while (at < end && kinds[*at] == kind)
                at++;
            if (kind == NEITHER)
                continue;
            size_t length = (size_t)(at - begin);
            int which = kind != WORD;
            unsigned char border[LONG];
            if (kind == BORDER && length <= LONG) {
                marked(border, begin, length);
                begin = border;
            }
            if (length > LONG ? noted(longer[which], message, begin, length, kind)
                              : listed(&lists[which], begin, length, message))
                goto done;
        }
        Py_DECREF(item);
    }
    if (PyErr_Occurred() || (of_words = packed(&lists[0])) == NULL || (of_borders = packed(&lists[1])) == NULL)
        goto done;
    answer = Py_BuildValue("((OO)(OO))", of_words, longer[0], of_borders, longer[1]);
done:
    dropped(&lists[0]);
    dropped(&lists[1]);
    Py_XDECREF(item);
    Py_XDECREF(iterator);
    Py_XDECREF(longer[0]);
    Py_XDECREF(longer[1]);
    Py_XDECREF(of_words);
    Py_XDECREF(of_borders);
    return answer;
}

static int
listed_lines(List *list, const unsigned char *at, const unsigned char *end, uint32_t message)
{
    for (; at < end; at++) {
        const unsigned char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        if (stop > at && listed(list, at, (size_t)(stop - at), message))
            return -1;
        at = stop;
    }
    return 0;
}

static PyObject *
lines(PyObject *module, PyObject *texts)
{
    List list = {0};
    PyObject *answer = NULL, *item = NULL, *iterator = PyObject_GetIter(texts);
    if (iterator == NULL)
        return NULL;
    while ((item = PyIter_Next(iterator)) != NULL) {
        uint32_t message;
        PyObject *rest;
        char *text;
        Py_ssize_t size;
        if (text_of(item, &message, &rest) || PyBytes_AsStringAndSize(rest, &text, &size) ||
            listed_lines(&list, (unsigned char *)text, (unsigned char *)text + size, message))
            goto done;
        Py_DECREF(item);
    }
    if (!PyErr_Occurred())
        answer = packed(&list);
done:
    Py_XDECREF(item);
    Py_DECREF(iterator);
    dropped(&list);
    return answer;
}

/* Words and what stands between them, as `pairs.py` says it is listed. */

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

static PyObject *
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

static PyObject *
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

static PyMethodDef methods[] = {
    {"runs", runs, METH_O, NULL},
    {"lines", lines, METH_O, NULL},
    {"pairs", pairs, METH_VARARGS, NULL},
    {"join", join, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int
is_alphanumeric(int octet)
{
    int letter = octet | 0x20;
    return (letter >= 'a' && letter <= 'z') || (octet >= '0' && octet <= '9');
}

/* A secret that nobody outside of this process knows: the hash of three strings has one in it. */
static int
begun(PyObject *module)
{
    PyObject *random = PyImport_ImportModule("os");
    PyObject *octets = random ? PyObject_CallMethod(random, "urandom", "i", (int)sizeof secret) : NULL;
    int failed = octets == NULL || PyBytes_Size(octets) != sizeof secret;
    if (!failed)
        memcpy(secret, PyBytes_AsString(octets), sizeof secret);
    for (int octet = 0; octet < 256; octet++)
        kinds[octet] = octet >= 0x80 || is_alphanumeric(octet) ? WORD : octet == '\n' ? NEITHER : BORDER;
    secret[1] |= 1;
    secret[2] |= 1;
    Py_XDECREF(octets);
    Py_XDECREF(random);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, begun}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_listing", NULL, 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__listing(void)
{
    return PyModuleDef_Init(&definition);
}
