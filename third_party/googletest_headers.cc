// Nothing: what is compiled here are the headers.
