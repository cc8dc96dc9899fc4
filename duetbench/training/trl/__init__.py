"""The only package that imports TRL: `adapter` runs its trainers, `settings` fills their configs."""
