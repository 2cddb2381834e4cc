# PH_TRY_CFLAGS(VARIABLE, FLAGS): append each flag that the compiler knows.
AC_DEFUN([PH_TRY_CFLAGS], [
  for ph_flag in $2; do
    AS_VAR_PUSHDEF([ph_cache], [ph_cv_cflag_$ph_flag])
    AC_CACHE_CHECK([whether $CC knows $ph_flag], [ph_cache], [
      ph_saved=$CFLAGS
      CFLAGS="$CFLAGS -Werror $ph_flag"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
        [AS_VAR_SET([ph_cache], [yes])], [AS_VAR_SET([ph_cache], [no])])
      CFLAGS=$ph_saved])
    AS_VAR_IF([ph_cache], [yes], [AS_VAR_APPEND([$1], [" $ph_flag"])])
    AS_VAR_POPDEF([ph_cache])
  done])

# PH_TRY_LDFLAGS(VARIABLE, FLAGS): append each flag that the linker knows.
AC_DEFUN([PH_TRY_LDFLAGS], [
  for ph_flag in $2; do
    AS_VAR_PUSHDEF([ph_cache], [ph_cv_ldflag_$ph_flag])
    AC_CACHE_CHECK([whether the linker knows $ph_flag], [ph_cache], [
      ph_saved=$LDFLAGS
      LDFLAGS="$LDFLAGS -Werror $ph_flag"
      AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
        [AS_VAR_SET([ph_cache], [yes])], [AS_VAR_SET([ph_cache], [no])])
      LDFLAGS=$ph_saved])
    AS_VAR_IF([ph_cache], [yes], [AS_VAR_APPEND([$1], [" $ph_flag"])])
    AS_VAR_POPDEF([ph_cache])
  done])

# PH_MODULE(PREFIX, MODULE): a library by pkg-config. Its headers are the system's, whatever
# its -I says: their warnings are not ours to mend.
AC_DEFUN([PH_MODULE], [
  PKG_CHECK_MODULES([$1], [$2])
  $1_CFLAGS=`echo " $$1_CFLAGS" | sed 's/ -I/ -isystem /g'`])
