"""What the words of a failed request to a kubelet mean, whoever reports them.

metrics-server's log, a target of Prometheus and the API server's proxy quote the same errors.
"""

from __future__ import annotations

from kubevitals.doctor import diagnosis, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.doctor.diagnosis import Diagnosis

_SCRAPE = "kubectl -n kube-system logs deploy/metrics-server --tail 50"
_NODES = "kubectl get nodes -o wide"

NO_IP_SAN = diagnosis.Diagnosis(
    "kubelet_certificate_no_ip_san",
    layers.KUBELETS,
    "kubelets: their serving certificate does not name the node's address",
    "A kubelet without a signed serving certificate makes one itself, for its host name alone; who calls it by address refuses it.",
    (_SCRAPE, "kubectl get csr"),
    (
        "Set serverTLSBootstrap: true in the KubeletConfiguration (kubeadm: kubectl -n kube-system edit cm kubelet-config),",
        "restart the kubelets, then approve what they ask for:",
        "! kubectl certificate approve CSR",
    ),
    "--kubelet-insecure-tls: metrics-server would then send its token to anything that answers at that address",
    symptom="x509: cannot validate certificate for 10.0.3.7 because it doesn't contain any IP SANs",
)
CSR_PENDING = diagnosis.Diagnosis(
    "kubelet_csr_pending",
    layers.KUBELETS,
    "kubelets: a serving certificate was asked for, and nobody approved it",
    "serverTLSBootstrap is on, so that the kubelet serves nothing until its CertificateSigningRequest is approved. Kubernetes approves none of these itself.",
    ("kubectl get csr --field-selector spec.signerName=kubernetes.io/kubelet-serving",),
    (
        "Compare names and addresses in the request with the node, then:",
        "! kubectl certificate approve {name}",
        "For every new node: run an approver for kubernetes.io/kubelet-serving.",
    ),
    "approving everything in a loop: who holds a node's bootstrap token could then pose as any node",
    symptom="remote error: tls: internal error",
)
PORT_CLOSED = diagnosis.Diagnosis(
    "kubelet_port_closed",
    layers.KUBELETS,
    "kubelets: nothing gets through to port 10250",
    "A security group, firewall or NetworkPolicy drops packets to the kubelet's port between nodes or from the control plane.",
    (_SCRAPE, _NODES),
    ("Allow TCP 10250 from node to node, and from the control plane to nodes, in the cloud's rules.",),
    "a longer timeout: dropped packets do not come later",
    symptom="dial tcp 10.0.3.7:10250: i/o timeout",
)
REFUSED = diagnosis.Diagnosis(
    "kubelet_refused",
    layers.KUBELETS,
    "kubelets: nobody listens at port 10250",
    "The kubelet is stopped or restarting, or listens at another port or address than its Node says.",
    (_NODES, "kubectl describe node {node}"),
    ("On the node: systemctl status kubelet; journalctl -u kubelet -n 50; start it again.",),
    "deleting the Node: its pods would be lost with it",
    symptom="dial tcp 10.0.3.7:10250: connect: connection refused",
)
NAME_UNRESOLVED = diagnosis.Diagnosis(
    "kubelet_name_unresolved",
    layers.KUBELETS,
    "metrics-server: the names of nodes are not in DNS",
    "metrics-server calls kubelets by host name, and the cluster's DNS does not know the names of nodes.",
    (_SCRAPE, _NODES),
    (
        "Let it call addresses: --kubelet-preferred-address-types=InternalIP, for example by Helm:",
        "! helm -n kube-system upgrade metrics-server metrics-server/metrics-server --reuse-values --set args={{--kubelet-preferred-address-types=InternalIP}}",
    ),
    "hostAliases for each node: the next node is missing again",
    symptom="lookup node-1 on 10.96.0.10:53: no such host",
)
TOKEN_WEBHOOK_OFF = diagnosis.Diagnosis(
    "kubelet_token_webhook_off",
    layers.KUBELETS,
    "kubelets: they do not look at tokens (403 for system:anonymous)",
    "authentication.webhook is off and anonymous requests are on: whoever asks is anonymous, whatever token it sends. RBAC cannot mend that.",
    ("kubectl get nodes",),
    (
        "In the KubeletConfiguration: authentication.webhook.enabled: true, authorization.mode: Webhook; restart the kubelets.",
    ),
    "granting rights to system:anonymous: that opens the kubelets to everybody",
    symptom="Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource=metrics)",
)
RIGHT_MISSING = diagnosis.Diagnosis(
    "kubelet_right_missing",
    layers.KUBELETS,
    "kubelets: who scrapes them lacks the right nodes/metrics",
    "The kubelet knows who asks and asks the API server about it; the ClusterRole is of an older manifest.",
    ("kubectl auth can-i get nodes/metrics --as system:serviceaccount:kube-system:metrics-server",),
    (
        "Grant get on nodes/metrics to the service account in the message; for metrics-server:",
        '! kubectl patch clusterrole system:metrics-server --type json -p \'[{{"op":"add","path":"/rules/-","value":{{"apiGroups":[""],"resources":["nodes/metrics"],"verbs":["get"]}}}}]\'',
    ),
    "nodes/proxy: its holder can run commands in any pod of the node",
    symptom="Forbidden (user=system:serviceaccount:kube-system:metrics-server, verb=get, resource=nodes, subresource=metrics)",
)
UNAUTHORIZED = diagnosis.Diagnosis(
    "kubelet_unauthorized",
    layers.KUBELETS,
    "kubelets: they accept no token (401)",
    "Anonymous requests are off and token webhook authentication is off or cannot reach the API server; or the token has expired.",
    (_SCRAPE,),
    ("In the KubeletConfiguration: authentication.webhook.enabled: true; restart the kubelets.",),
    "turning anonymous access on",
    symptom='request failed, status: "401 Unauthorized"',
)
UNKNOWN_CA = diagnosis.Diagnosis(
    "kubelet_certificate_unknown_ca",
    layers.KUBELETS,
    "kubelets: their certificate is signed by nobody whom the client knows",
    "The kubelet serves a certificate of its own or of another CA.",
    (_SCRAPE, "kubectl get csr"),
    (
        "Set serverTLSBootstrap: true in the KubeletConfiguration, restart the kubelets, approve their requests:",
        "! kubectl certificate approve CSR",
        "Or give the kubelets' CA: --kubelet-certificate-authority.",
    ),
    "--kubelet-insecure-tls: anything may then answer as a kubelet",
    symptom="x509: certificate signed by unknown authority",
)
EXPIRED = diagnosis.Diagnosis(
    "kubelet_certificate_expired",
    layers.KUBELETS,
    "kubelets: their serving certificate has expired",
    "Nothing renewed the certificate, or the new request waits for approval.",
    ("kubectl get csr", _NODES),
    (
        "Approve the waiting request, or restart the kubelet so that it asks for another:",
        "! kubectl certificate approve CSR",
    ),
    "--kubelet-insecure-tls",
    symptom="x509: certificate has expired or is not yet valid",
)
SLOW = diagnosis.Diagnosis(
    "kubelet_slow",
    layers.KUBELETS,
    "kubelets: some answer too late",
    "The node or its container runtime is overloaded, or its network loses packets; the others answer.",
    ("kubectl describe node {node}", _SCRAPE),
    (
        "Look at the load, the disk and the runtime of the node; compare its CNI and kernel with those that answer.",
    ),
    "a longer timeout: the numbers come later and are as old",
    symptom='Get "https://10.0.3.7:10250/metrics/resource": context deadline exceeded',
)
STALE_ENDPOINTS = diagnosis.Diagnosis(
    "kubelet_endpoints_stale",
    layers.PROMETHEUS,
    "Prometheus: kubelet targets of nodes that are gone",
    "An older release left a second kubelet Service in kube-system, whose Endpoints nobody updates.",
    ("kubectl -n kube-system get services,endpoints -l k8s-app=kubelet",),
    ("Delete the Service of the release that is gone:", "! kubectl -n kube-system delete service {name}"),
    "deleting the targets in Prometheus: they come back",
    symptom="context deadline exceeded for kubelet targets of nodes that no longer exist",
    severity="warning",
)
ALL = (NO_IP_SAN, CSR_PENDING, PORT_CLOSED, REFUSED, NAME_UNRESOLVED, TOKEN_WEBHOOK_OFF, RIGHT_MISSING,
       UNAUTHORIZED, UNKNOWN_CA, EXPIRED, SLOW)  # fmt: skip

# In this order: the first that stands in the text counts.
_WORDS: tuple[tuple[str, Diagnosis], ...] = (
    ("any IP SANs", NO_IP_SAN),
    ("tls: internal error", CSR_PENDING),
    ("certificate has expired", EXPIRED),
    ("signed by unknown authority", UNKNOWN_CA),
    ("no such host", NAME_UNRESOLVED),
    ("user=system:anonymous", TOKEN_WEBHOOK_OFF),
    ('User "system:anonymous"', TOKEN_WEBHOOK_OFF),
    ("403 Forbidden", RIGHT_MISSING),
    ("Forbidden (user=", RIGHT_MISSING),
    ("401 Unauthorized", UNAUTHORIZED),
    ("connection refused", REFUSED),
    ("i/o timeout", PORT_CLOSED),
    ("no route to host", PORT_CLOSED),
    ("context deadline exceeded", SLOW),
)


def classify(text: str) -> Diagnosis | None:
    """Return what the words of a failed request to a kubelet mean; None where they are not known."""
    return next((page for words, page in _WORDS if words in text), None)
