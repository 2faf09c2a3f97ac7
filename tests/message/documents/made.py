"""Documents, made by hand."""

import io
import zipfile
import zlib


def zipped(members: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def docx(body: str) -> bytes:
    return zipped({"word/document.xml": _xml("w:document", f"<w:body>{body}</w:body>")})


def _xml(root: str, inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns:w="urn:w" xmlns:a="urn:a">{inner}</{root}>'


DOCX = zipped(
    {
        "word/document.xml": _xml(
            "w:document",
            "<w:body><w:p><w:r><w:t>Inter</w:t></w:r><w:r><w:t>national</w:t><w:tab/><w:t>Gr\u00fc\u00dfe</w:t>"
            "</w:r></w:p><w:p><w:r><w:t>next</w:t><w:instrText>PAGE</w:instrText>"
            "<w:delText>gone</w:delText></w:r></w:p></w:body>",
        ),
        "word/footer1.xml": _xml("w:ftr", "<w:p><w:t>foot</w:t></w:p>"),
        "word/media/image1.png": b"\x89PNG",
    }
)
XLSX = zipped(
    {
        "xl/workbook.xml": '<workbook><sheets><sheet name="Budget" sheetId="1"/></sheets></workbook>',
        "xl/sharedStrings.xml": "<sst><si><t>rent</t></si><si><r><t>li</t></r><r><t>ght</t></r></si></sst>",
        "xl/worksheets/sheet1.xml": (
            '<worksheet><row><c t="s"><v>0</v></c><c><v>1234.56</v></c><c t="s"><v>1</v></c>'
            '<c t="inlineStr"><is><t>inline</t></is></c><c t="str"><f>A1</f><v>made</v></c></row></worksheet>'
        ),
    }
)
PPTX = zipped(
    {
        f"ppt/slides/slide{number}.xml": _xml(
            "p", f"<a:p><a:t>slide</a:t><a:br/><a:t>{number}</a:t></a:p><a:p><a:t>end</a:t></a:p>"
        )
        for number in (10, 2)
    }
)
ODT = zipped(
    {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": '<o:document-content xmlns:o="o" xmlns:t="t"><o:styles>no</o:styles><o:body><o:text>'
        "<t:h>Title</t:h><t:p>in<t:span>si</t:span>de<t:s/>two<t:line-break/>three</t:p></o:text></o:body>"
        "</o:document-content>",
    }
)
EPUB = zipped({"OEBPS/1.xhtml": "<html><body><p>Call me</p><p>Ishmael</p></body></html>", "x.css": "p {}"})
RTF = (
    rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0 Arial;}}{\*\generator x;}\f0 wo"
    b"\r\n"
    rb"rd\par{\b bo}ld \'cf\'f0\u1080?\uc2\u8364EU\uc1\u-10179 ?\u-8704 \~\~\{x\}\emdash"
    rb"{\pict 0102}}"
)


def pdf(*lines: str, packed: bool = True) -> bytes:
    """One page a line."""
    objects: list[bytes] = []
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(lines)))
    objects.append(b"<< /Type /Catalog /Pages 2 0 R >>")
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(lines)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, line in enumerate(lines):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        stream = f"BT /F1 12 Tf 72 720 Td ({line}) Tj ET".encode()
        objects.append(stream_of(stream, packed=packed))
    out = b"%PDF-1.4\n"
    places = []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join([b"%010d 00000 n \n" % place for place in places])
    return out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


def stream_of(octets: bytes, *, packed: bool) -> bytes:
    if packed:
        octets = zlib.compress(octets, 9)
    told = b" /Filter /FlateDecode" if packed else b""
    return b"<< /Length %d%b >>\nstream\n%b\nendstream" % (len(octets), told, octets)
