"""The policy: what must hold before a change may land. Pure: values in, an explained verdict out."""
