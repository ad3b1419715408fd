"""The post between a site and its zones: what each log says that the other must decide on."""
