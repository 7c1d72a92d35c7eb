{{- define "kubevitals.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "kubevitals.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "kubevitals.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "kubevitals.selector" -}}
app.kubernetes.io/name: {{ include "kubevitals.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kubevitals.labels" -}}
{{ include "kubevitals.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "kubevitals.account" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "kubevitals.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* Objects outside namespaces are named after the release's namespace too: two releases may be called alike. */}}
{{- define "kubevitals.clusterName" -}}
{{- if eq (include "kubevitals.fullname" .) .Release.Namespace }}
{{- .Release.Namespace }}
{{- else }}
{{- printf "%s-%s" .Release.Namespace (include "kubevitals.fullname" .) }}
{{- end }}
{{- end }}

{{- /* The features that are on, of files/rights.yaml, separated by blanks. */}}
{{- define "kubevitals.features" -}}
{{- $whole := not .Values.scope.namespace }}
{{- if $whole }}nodes {{ end }}pods
{{- if .Values.scope.owners }} owners{{ end }}
{{- if has .Values.source.name (list "auto" "metrics-server") }}
{{- if $whole }} node-usage{{ end }} pod-usage
{{- end }}
{{- if include "kubevitals.kubelets" . }} kubelet{{ end }}
{{- if and (eq .Values.source.name "kubelet") .Values.source.kubelet.detail }} kubelet-detail{{ end }}
{{- if and (eq .Values.source.name "prometheus") (not .Values.source.prometheus.url) }} prometheus{{ end }}
{{- if has "kube-state-metrics" .Values.metrics.compat }} kube-state{{ end }}
{{- if .Values.doctor.enabled }} doctor{{ end }}
{{- if eq .Values.auth.mode "kubernetes" }} auth{{ end }}
{{- end }}

{{- /* Whether kubelets are asked, and whether a Prometheus is: empty if not. */}}
{{- define "kubevitals.kubelets" -}}
{{- if or (eq .Values.source.name "kubelet") (and (eq .Values.source.name "auto") .Values.source.kubelet.fallback) }}yes{{ end }}
{{- end }}

{{- define "kubevitals.prometheus" -}}
{{- if or (eq .Values.source.name "prometheus") (and (eq .Values.source.name "auto") .Values.source.prometheus.url) }}yes{{ end }}
{{- end }}

{{- define "kubevitals.scheme" -}}
{{- if .Values.tls.existingSecret }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{- /* Whether this is OpenShift, which gives each namespace user ids of its own: empty if not. */}}
{{- define "kubevitals.openshift" -}}
{{- if or (eq .Values.openshift "yes") (and (eq .Values.openshift "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}yes{{ end }}
{{- end }}

{{- /* Whether the ServiceMonitor brings a token of an account made for that: empty if not. */}}
{{- define "kubevitals.scraper" -}}
{{- if and .Values.serviceMonitor.enabled .Values.serviceMonitor.authorization (not .Values.tls.existingSecret) (not .Values.auth.audiences) }}
{{- fail "serviceMonitor.authorization would send its token in plain text, good for the API server too: set tls.existingSecret, or auth.audiences for a token that is good here alone" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (eq .Values.auth.mode "kubernetes") (not .Values.serviceMonitor.authorization) }}
{{- if not .Values.tls.existingSecret }}
{{- fail "serviceMonitor.enabled with auth.mode kubernetes needs tls.existingSecret, or a token would travel in plain text; or set serviceMonitor.authorization, or auth.mode" }}
{{- end }}
{{- if .Values.auth.audiences }}
{{- fail "a ServiceMonitor's token has the audience of the API server: with auth.audiences, set serviceMonitor.authorization" }}
{{- end }}
{{- include "kubevitals.fullname" . }}-scraper
{{- end }}
{{- end }}
