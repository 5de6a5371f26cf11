/* u128: numbers of 128 bits. Pure. */
#ifndef CRUST_BASE_U128_H
#define CRUST_BASE_U128_H

__extension__ typedef unsigned __int128 u128;

#endif
