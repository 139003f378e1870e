# SPDX-License-Identifier: MIT
# DWARF 4 in which types consist of themselves: what no compiler writes.
	.macro variable name, type, address
	.uleb128 2
	.asciz "\name"
	.long \type - info
	.byte 9, 3			# DW_OP_addr
	.quad \address
	.endm

	.data
	.globl chain, inside, array, either
	.macro object name
	.type \name, @object
	.size \name, 64
\name:	.zero 64
	.endm
	object chain
	object inside
	object array
	object either

	.section .debug_info
info:	.long end - start
start:	.value 4			# version
	.long .debug_abbrev
	.byte 8
	.uleb128 1			# unit
	.asciz "cycles"
	variable chain, type_chain, chain
	variable inside, type_inside, inside
	variable array, type_array, array
	variable either, type_either, either
type_chain:				# typedef of itself
	.uleb128 3
	.asciz "chain_t"
	.long type_chain - info
type_inside:				# struct with itself as a member
	.uleb128 4
	.asciz "inside"
	.byte 64
	.uleb128 5
	.asciz "me"
	.long type_inside - info
	.byte 0
	.byte 0
type_array:				# array of itself
	.uleb128 6
	.long type_array - info
	.uleb128 7
	.byte 3
	.byte 0
type_either:				# union of two of itself, and a pointer that never ends
	.uleb128 8
	.asciz "either"
	.byte 64
	.uleb128 5
	.asciz "a"
	.long type_either - info
	.byte 0
	.uleb128 5
	.asciz "b"
	.long type_either - info
	.byte 0
	.uleb128 5
	.asciz "p"
	.long type_pointer - info
	.byte 0
	.byte 0
type_pointer:
	.uleb128 9
	.long type_pointer - info
	.byte 0
end:

	.section .debug_abbrev
	.macro abbrev number, tag, children, forms:vararg
	.uleb128 \number, \tag
	.byte \children
	.uleb128 \forms
	.byte 0, 0
	.endm
	abbrev 1, 0x11, 1, 0x03, 0x08				# unit: name
	abbrev 2, 0x34, 0, 0x03, 0x08, 0x49, 0x13, 0x02, 0x18	# variable: name, type, location
	abbrev 3, 0x16, 0, 0x03, 0x08, 0x49, 0x13		# typedef
	abbrev 4, 0x13, 1, 0x03, 0x08, 0x0b, 0x0b		# struct: name, bytes
	abbrev 5, 0x0d, 0, 0x03, 0x08, 0x49, 0x13, 0x38, 0x0b	# member: name, type, offset
	abbrev 6, 0x01, 1, 0x49, 0x13				# array
	abbrev 7, 0x21, 0, 0x37, 0x0b				# its length
	abbrev 8, 0x17, 1, 0x03, 0x08, 0x0b, 0x0b		# union
	abbrev 9, 0x0f, 0, 0x49, 0x13				# pointer
	.byte 0

	.section .note.GNU-stack, "", @progbits
