/* `listing.runs` and `listing.lines`: texts cut into runs, or into lines. */

#include "list.h"

/* The octets of a `bytes`, and the number of a message before it: of each of what is iterated over. */
int
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

PyObject *
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

PyObject *
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
