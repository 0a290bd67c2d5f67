"""A document's data inside its PDF, as Factur-X 1.x and ZUGFeRD 2.x have it: which file, under which metadata."""

from datetime import datetime
from typing import Final

from apps.documents.renderer import Attached

FILE_NAME: Final = "factur-x.xml"
_PROPERTIES: Final = (
    ("DocumentFileName", "name of the embedded XML invoice file"),
    ("DocumentType", "INVOICE"),
    ("Version", "The actual version of the Factur-X XML schema"),
    ("ConformanceLevel", "The conformance level of the embedded Factur-X data"),
)
_PROPERTY: Final = """
     <rdf:li rdf:parseType="Resource">
      <pdfaProperty:name>{name}</pdfaProperty:name>
      <pdfaProperty:valueType>Text</pdfaProperty:valueType>
      <pdfaProperty:category>external</pdfaProperty:category>
      <pdfaProperty:description>{description}</pdfaProperty:description>
     </rdf:li>"""
# PDF/A wants a schema described that it does not know itself (ISO 19005-3 § 6.6.2.3).
_XMP: Final = """
<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">
 <fx:DocumentType>INVOICE</fx:DocumentType>
 <fx:DocumentFileName>{file_name}</fx:DocumentFileName>
 <fx:Version>1.0</fx:Version>
 <fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
  xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
 <pdfaExtension:schemas><rdf:Bag>
  <rdf:li rdf:parseType="Resource">
   <pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
   <pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>
   <pdfaSchema:prefix>fx</pdfaSchema:prefix>
   <pdfaSchema:property><rdf:Seq>{properties}
   </rdf:Seq></pdfaSchema:property>
  </rdf:li>
 </rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
"""


def inside_pdf(xml: bytes, *, at: datetime) -> Attached:
    """Return the CII file as it travels inside the PDF: an alternative to what is printed.

    at  when the document was issued
    """
    properties = "".join(_PROPERTY.format(name=name, description=description) for name, description in _PROPERTIES)
    return Attached(
        name=FILE_NAME,
        description="Factur-X invoice",
        content=xml,
        relationship="Alternative",
        at=at,
        xmp=_XMP.format(file_name=FILE_NAME, properties=properties).encode(),
    )
