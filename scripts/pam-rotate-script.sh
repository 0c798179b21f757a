#!/bin/bash
exec /usr/local/bin/pam-rotate-script
