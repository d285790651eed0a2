{{- define "tenantry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tenantry.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "tenantry.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tenantry.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tenantry.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tenantry.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tenantry.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "tenantry.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tenantry
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tenantry.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tenantry.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The name by which the API server knows the operator. */}}
{{- define "tenantry.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "tenantry.serviceAccountName" . }}
{{- end -}}

{{- define "tenantry.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The documents of a file with the chart's labels on each. Takes root, text and annotations. */}}
{{- define "tenantry.documents" -}}
{{- $labels := include "tenantry.labels" .root | fromYaml -}}
{{- range regexSplit "(?m)^---\\s*$" .text -1 -}}
{{- $document := fromYaml . -}}
{{- if hasKey $document "Error" -}}
{{- fail (printf "a file of the chart is not YAML: %s" $document.Error) -}}
{{- end -}}
{{- if $document.kind -}}
{{- $metadata := $document.metadata -}}
{{- $_ := set $metadata "labels" (merge (default dict $metadata.labels) $labels) -}}
{{- with $.annotations -}}
{{- $_ := set $metadata "annotations" (merge (default dict $metadata.annotations) .) -}}
{{- end }}
---
{{ toYaml $document }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether a ServiceMonitor is rendered: "true" or nothing. */}}
{{- define "tenantry.serviceMonitor" -}}
{{- $monitor := .Values.metrics.serviceMonitor -}}
{{- if $monitor.enabled -}}
{{- $served := .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" -}}
{{- if or $served (eq $monitor.renderMode "alwaysRender") -}}
true
{{- else if eq $monitor.renderMode "failIfMissing" -}}
{{- fail "metrics.serviceMonitor.enabled: the cluster has no kind ServiceMonitor (monitoring.coreos.com/v1). Install the Prometheus operator's CustomResourceDefinitions, or set metrics.serviceMonitor.renderMode to alwaysRender or skipIfMissing" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a developer of a tenant may do in its namespaces: the built-in edit without Secrets, network policies,
     impersonation and tokens of service accounts. */}}
{{- define "tenantry.developerRules" -}}
- apiGroups: [""]
  resources:
  - configmaps
  - persistentvolumeclaims
  - pods
  - pods/attach
  - pods/exec
  - pods/portforward
  - pods/proxy
  - replicationcontrollers
  - replicationcontrollers/scale
  - serviceaccounts
  - services
  - services/proxy
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [""]
  resources:
  - bindings
  - endpoints
  - limitranges
  - namespaces
  - namespaces/status
  - persistentvolumeclaims/status
  - pods/log
  - pods/status
  - replicationcontrollers/status
  - resourcequotas
  - resourcequotas/status
  - services/status
  verbs: [get, list, watch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources:
  - daemonsets
  - deployments
  - deployments/scale
  - replicasets
  - replicasets/scale
  - statefulsets
  - statefulsets/scale
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [apps]
  resources:
  - controllerrevisions
  - daemonsets/status
  - deployments/status
  - replicasets/status
  - statefulsets/status
  verbs: [get, list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers/status]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [cronjobs, jobs]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [batch]
  resources: [cronjobs/status, jobs/status]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [networking.k8s.io]
  resources: [ingresses/status]
  verbs: [get, list, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [policy]
  resources: [poddisruptionbudgets/status]
  verbs: [get, list, watch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [resource.k8s.io]
  resources: [resourceclaims, resourceclaimtemplates]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [resource.k8s.io]
  resources: [resourceclaims/status]
  verbs: [get, list, watch]
{{- end -}}
