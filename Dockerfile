# Holds nothing but the binary, for COPY --from into the image of a Gateway:
#
#   COPY --from=ghcr.io/OWNER/pam-rotate-script:v0.1.0 /pam-rotate-script /usr/local/bin/
#
# The folder to build from is dist/build, after make release.
FROM scratch
ARG TARGETOS TARGETARCH
COPY --chmod=0755 pam-rotate-script-${TARGETOS}-${TARGETARCH} /pam-rotate-script
USER 65534:65534
ENTRYPOINT ["/pam-rotate-script"]
