"""HCL as a language: text → tree → values. It knows nothing of resources, modules or providers."""
