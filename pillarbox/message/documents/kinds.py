"""Which attached files are documents, with a text that can be searched. How that is got is not known here."""

_TYPES = {
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "application/rtf": "rtf",
    "application/x-rtf": "rtf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template": "docx",
    "application/vnd.ms-word.document.macroenabled.12": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.template": "xlsx",
    "application/vnd.ms-excel.sheet.macroenabled.12": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow": "pptx",
    "application/vnd.openxmlformats-officedocument.presentationml.template": "pptx",
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": "pptx",
    "application/vnd.oasis.opendocument.text": "odf",
    "application/vnd.oasis.opendocument.spreadsheet": "odf",
    "application/vnd.oasis.opendocument.presentation": "odf",
    "application/epub+zip": "epub",
}
_ENDINGS = {
    **{name: name for name in ("pdf", "rtf", "docx", "xlsx", "pptx", "epub")},
    **{"docm": "docx", "dotx": "docx", "xlsm": "xlsx", "xltx": "xlsx"},
    **{"pptm": "pptx", "ppsx": "pptx", "potx": "pptx"},
    **{"odt": "odf", "ods": "odf", "odp": "odf"},
}
# Sent for files of any kind; then the name tells.
_ANYTHING = frozenset(
    """application/octet-stream application/x-download application/download application/force-download
    application/msword application/vnd.ms-excel application/vnd.ms-powerpoint application/zip
    application/x-zip-compressed application/binary binary/octet-stream""".split()  # noqa: SIM905
)


def kind_of(content_type: str, name: str) -> str | None:
    """The kind of document that a part of this type, in lower case, and file name is; None if it is none."""
    kind = _TYPES.get(content_type)
    if kind is None and content_type in _ANYTHING:
        kind = _ENDINGS.get(name.rpartition(".")[2].lower())
    return kind


def is_document(content_type: str, name: str) -> bool:
    return kind_of(content_type, name) is not None
