/* The module `_listing`. */

#include "list.h"

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

/* Before anything is called: the hash gets its secret, which nobody outside of this process knows. */
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
