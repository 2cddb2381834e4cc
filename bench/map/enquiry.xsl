<?xml version="1.0" encoding="UTF-8"?>
<!-- A Confirm enquiry as JSON text: the fields of adapters/highways/maps/confirm-enquiry.yaml, but
     no conversion of places and none of times, and texts are not escaped. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:c="http://www.confirm.co.uk/schema/am/connector/webservice">
<xsl:output method="text" encoding="UTF-8"/>
<xsl:template match="/">
<xsl:for-each select="s:Envelope/s:Body/c:ProcessOperationsResponse/c:OperationResponse/c:GetEnquiryResponse/c:Enquiry">
<xsl:text>{"location":{"lat":</xsl:text><xsl:value-of select="c:EnquiryX"/>
<xsl:text>,"long":</xsl:text><xsl:value-of select="c:EnquiryY"/>
<xsl:text>,"usrn":"</xsl:text><xsl:value-of select="c:SiteCode"/>
<xsl:text>"},"description":"</xsl:text><xsl:value-of select="substring(c:EnquiryDescription, 1, 2000)"/>
<xsl:text>","service":{"code":"</xsl:text>
<xsl:choose>
<xsl:when test="c:ServiceCode = 'HM' and c:SubjectCode = 'POTH'">potholes</xsl:when>
<xsl:when test="c:ServiceCode = 'SL' and c:SubjectCode = 'LAMP'">street-lighting</xsl:when>
<xsl:when test="c:ServiceCode = 'HM' and c:SubjectCode = 'SIGN'">road-signs</xsl:when>
</xsl:choose>
<xsl:text>"},"requested_at":"</xsl:text><xsl:value-of select="c:LoggedTime"/>
<xsl:text>","reference":"</xsl:text><xsl:value-of select="c:EnquiryReference"/>
<xsl:text>","attributes":[</xsl:text>
<xsl:for-each select="c:EnquiryAttribute[c:EnqAttribTypeCode = 'URGT' or c:EnqAttribTypeCode = 'SIZE']">
<xsl:if test="position() &gt; 1">,</xsl:if>
<xsl:text>{"code":"</xsl:text><xsl:value-of select="c:EnqAttribTypeCode"/>
<xsl:text>","value":"</xsl:text><xsl:value-of select="c:EnqAttribStringValue"/><xsl:text>"}</xsl:text>
</xsl:for-each>
<xsl:text>],"reporter":{"email":"</xsl:text><xsl:value-of select="c:EnquiryCustomer/c:CustomerEmail"/>
<xsl:text>","given":"</xsl:text><xsl:value-of select="c:EnquiryCustomer/c:CustomerForename"/>
<xsl:text>","family":"</xsl:text><xsl:value-of select="c:EnquiryCustomer/c:CustomerSurname"/>
<xsl:text>"},"status":"</xsl:text>
<xsl:choose>
<xsl:when test="c:EnquiryStatusCode = 'INP'">in_progress</xsl:when>
<xsl:otherwise>open</xsl:otherwise>
</xsl:choose>
<xsl:text>"}</xsl:text>
</xsl:for-each>
</xsl:template>
</xsl:stylesheet>
