/*
 * soap - the SOAP 1.1 envelope, taken off and put on.
 */
#include "lib/codec/codec.h"

#include <string.h>

#include "lib/base/assert.h"

#define SOAP_12 "http://www.w3.org/2003/05/soap-envelope"

static bool
is_soap(const ph_node *node, const char *name)
{
	return node != NULL && node->name != NULL && node->space != NULL &&
	       strcmp(node->name, name) == 0 &&
	       strcmp(node->space, PH_SOAP_NAMESPACE) == 0;
}

static ph_status
refuse(
    const ph_document *document, const ph_node *node, const char *text, ph_error *err)
{
	char where[PH_ERROR_WHERE];
	return ph_fail_at(err, PH_ERR_INVALID,
	    ph_node_where(document, node, where, sizeof where), "%s", text);
}

static ph_node *
first_element(const ph_node *node)
{
	ph_node *n = node->first;
	while (n != NULL && (n->flags & PH_NODE_ATTRIBUTE) != 0)
		n = n->next;
	return n;
}

static ph_status
check_envelope(const ph_document *document, const ph_node *root, ph_error *err)
{
	if (is_soap(root, "Envelope"))
		return PH_OK;
	if (root != NULL && root->space != NULL && strcmp(root->space, SOAP_12) == 0)
		return refuse(document, root,
		    "PH3041 a SOAP 1.2 envelope; SOAP 1.1 is expected: set the version "
		    "of this exchange",
		    err);
	return refuse(document, root,
	    "PH3040 not a SOAP 1.1 envelope: the root must be Envelope "
	    "in " PH_SOAP_NAMESPACE,
	    err);
}

ph_status
ph_soap_unwrap(ph_document *document, ph_node **header, ph_node **body, ph_error *err)
{
	ph_node *root = ph_document_root(document);
	ph_status status = check_envelope(document, root, err);
	if (status != PH_OK)
		return status;
	ph_node *at = first_element(root);
	ph_node *head = NULL;
	if (is_soap(at, "Header")) {
		head = at;
		at = at->next;
	}
	if (!is_soap(at, "Body"))
		return refuse(document, at == NULL ? root : at,
		    "PH3042 a SOAP envelope without Body, or with something before it",
		    err);
	ph_node *child = first_element(at);
	if (child == NULL)
		return refuse(document, at, "PH3043 the SOAP Body is empty", err);
	*header = head;
	*body = child;
	return PH_OK;
}

static ph_node *
soap_element(ph_document *document, const char *name)
{
	ph_node *node = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	if (node == NULL)
		return NULL;
	node->name = ph_document_intern(document, name, strlen(name));
	node->space =
	    ph_document_intern(document, PH_SOAP_NAMESPACE, strlen(PH_SOAP_NAMESPACE));
	return node->name == NULL || node->space == NULL ? NULL : node;
}

static void
move_children(ph_node *from, ph_node *to)
{
	ph_node *n = NULL;
	while ((n = from->first) != NULL) {
		ph_node_remove(n);
		ph_node_link(to, NULL, n);
	}
}

ph_status
ph_soap_wrap(ph_document *document, ph_node *header, ph_node *body, ph_error *err)
{
	PH_ASSERT(document != NULL && body != NULL && body->name != NULL);
	ph_node *envelope = soap_element(document, "Envelope");
	ph_node *inner = soap_element(document, "Body");
	ph_node *head = header == NULL ? NULL : soap_element(document, "Header");
	if (envelope == NULL || inner == NULL || (header != NULL && head == NULL))
		return ph_fail(err, PH_ERR_TOO_LARGE, "no room for the SOAP envelope");
	if (head != NULL) {
		move_children(header, head);
		ph_node_link(envelope, NULL, head);
	}
	ph_node_remove(body);
	ph_node_link(envelope, NULL, inner);
	ph_node_link(inner, NULL, body);
	ph_document_set_root(document, envelope);
	return PH_OK;
}
