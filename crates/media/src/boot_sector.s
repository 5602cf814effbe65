# Loads a kernel and its ramdisks from a floppy disk: the first eight sectors of
# the disk, which the file system on it leaves free.
#
# Sector 0 is the boot sector, with the FAT's own fields (BPB) in it; sectors 1
# and 2 are the rest of the program; sector 3 says what is loaded and where it
# stands; sectors 4 to 7 are the command line. How a kernel is begun:
# Documentation/arch/x86/boot.rst in its sources, "16-bit protocol".

        .intel_syntax noprefix
        .code16
        .text
        .globl  start

        .set    SECTORS_PER_TRACK, 0x7c18       # fields of the BPB
        .set    HEADS, 0x7c1a
        .set    PARAMETERS, 0x8200              # sector 3
        .set    KERNEL_AT, PARAMETERS + 4       # its first sector
        .set    SETUP_SECTORS, PARAMETERS + 8   # of its real-mode part
        .set    KERNEL_SECTORS, PARAMETERS + 12 # of the rest
        .set    RAMDISK_BYTES, PARAMETERS + 16  # of all ramdisks, one behind another
        .set    RAMDISK_LIMIT, PARAMETERS + 20  # below which they have to end
        .set    RAMDISKS, PARAMETERS + 24       # pairs: first sector, sectors; 0 ends them
        .set    COMMAND_LINE, 0x8400            # sector 4
        .set    COMMAND_LINE_BYTES, 2048
        .set    BUFFER, 0x1000                  # a segment: 64 KiB that DMA reaches
        .set    SETUP, 0x8000                   # a segment: the kernel's real-mode part
        .set    HEAP_END, 0xe000                # behind it, before the command line
        .set    MAP, 0x0600                     # an entry of the memory map

start:  jmp     begin
        nop
        .org    62                              # behind the BPB of a FAT12

begin:  cli
        ljmp    0, offset here
here:   xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        sti
        cld
        mov     [drive], dl
        mov     bx, 0x7e00                      # sectors 1 to 7, all of the first track
        mov     cx, 2
        xor     dh, dh
        mov     al, 7
        call    read
        jmp     load

# Reads AL sectors from CX (track and sector) and DH (head) to ES:BX.
read:   mov     si, 5
again:  push    ax
        mov     ah, 2
        mov     dl, [drive]
        int     0x13
        pop     ax
        jnc     done
        push    ax
        xor     ah, ah                          # the drive's motor may need time
        int     0x13
        pop     ax
        dec     si
        jnz     again
        mov     si, offset unreadable

# Prints the text at SI and waits for a key.
fail:   push    cs
        pop     ds
        call    print
        mov     si, offset key
        call    print
        xor     ah, ah
        int     0x16
        int     0x19

print:  lodsb
        test    al, al
        jz      done
        mov     ah, 0x0e
        mov     bx, 7
        int     0x10
        jmp     print
done:   ret

drive:  .byte   0
key:    .asciz  "\r\nPress a key to start again.\r\n"
unreadable:
        .asciz  "\r\nThe disk can't be read."
        .org    510
        .word   0xaa55

# Sector 1.
load:   mov     si, offset loading
        call    print

        # The real-mode part stands where it is executed; the buffer isn't needed.
        mov     eax, [KERNEL_AT]
        mov     ecx, [SETUP_SECTORS]
        mov     edi, SETUP << 4
        call    copy

        # The rest, at 1 MiB.
        mov     ecx, [KERNEL_SECTORS]
        mov     edi, 0x100000
        call    copy

        # The ramdisks, as high as they go.
        mov     ebx, [RAMDISK_BYTES]
        test    ebx, ebx
        jz      no_ramdisk
        call    place
        mov     [ramdisk], edi
        mov     si, offset RAMDISKS
next:   mov     ecx, [si + 4]
        jecxz   no_ramdisk
        mov     eax, [si]
        push    si
        call    copy
        pop     si
        add     si, 8
        jmp     next

no_ramdisk:
        mov     ax, SETUP
        mov     es, ax
        mov     byte ptr es:[0x210], 0xff       # type_of_loader: none that is known
        or      byte ptr es:[0x211], 0x80       # loadflags: there is a heap
        mov     word ptr es:[0x224], HEAP_END - 0x200
        mov     dword ptr es:[0x228], (SETUP << 4) + HEAP_END
        mov     eax, [ramdisk]
        mov     es:[0x218], eax
        mov     eax, [RAMDISK_BYTES]
        mov     es:[0x21c], eax
        mov     si, offset COMMAND_LINE
        mov     di, HEAP_END
        mov     cx, COMMAND_LINE_BYTES / 4
        rep     movsd

        # No motor runs on while the kernel has no driver for it.
        mov     dx, 0x3f2
        mov     al, 0x0c
        out     dx, al

        cli
        mov     ax, SETUP
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     sp, HEAP_END
        ljmp    SETUP + 0x20, 0

# Copies ECX sectors from sector EAX on to the address EDI; gives back the next
# sector in EAX and the next address in EDI.
copy:   test    ecx, ecx
        jz      done
        push    eax
        push    ecx
        xor     edx, edx
        movzx   ebx, word ptr [SECTORS_PER_TRACK]
        div     ebx                             # EAX: track and head, EDX: sector
        sub     ebx, edx                        # no further than the track
        cmp     ebx, ecx
        jbe     count
        mov     ebx, ecx
count:  mov     cl, dl
        inc     cl
        xor     edx, edx
        push    ebx
        movzx   ebx, word ptr [HEADS]
        div     ebx                             # EAX: track, EDX: head
        pop     ebx
        mov     ch, al
        mov     dh, dl
        mov     al, bl
        push    ebx
        push    BUFFER
        pop     es
        xor     bx, bx
        call    read
        pop     ebx
        push    0
        pop     es
        mov     ecx, ebx
        shl     ecx, 8                          # words of a sector
        call    move
        mov     eax, ebx
        shl     eax, 9
        add     edi, eax
        pop     ecx
        pop     eax
        add     eax, ebx
        sub     ecx, ebx
        push    eax
        push    ebx
        mov     ax, 0x0e2e                      # a dot for each track
        mov     bx, 7
        int     0x10
        pop     ebx
        pop     eax
        jmp     copy

# Moves CX words from the buffer to the address EDI, by the BIOS, which reaches
# all of the memory.
move:   mov     eax, edi
        mov     [to + 2], ax
        shr     eax, 16
        mov     [to + 4], al
        mov     [to + 7], ah
        mov     si, offset table
        mov     ah, 0x87
        int     0x15
        jc      no_memory
        ret
no_memory:
        mov     si, offset memory
        jmp     fail

# Where EBX bytes fit: as high as possible below the limit, in a page of their
# own; gives it in EDI.
place:  xor     edi, edi
        push    ebx
        xor     ebx, ebx
entry:  mov     eax, 0xe820
        mov     edx, 0x534d4150                 # "SMAP"
        mov     ecx, 20
        push    edi
        mov     di, MAP
        int     0x15
        pop     edi
        jc      mapped
        cmp     eax, 0x534d4150
        jne     mapped
        cmp     dword ptr [MAP + 16], 1         # RAM
        jne     skip
        cmp     dword ptr [MAP + 4], 0          # below 4 GiB
        jne     skip
        mov     eax, [MAP]
        mov     edx, [MAP + 8]
        cmp     dword ptr [MAP + 12], 0
        jne     capped
        add     edx, eax
        jc      capped
        cmp     edx, [RAMDISK_LIMIT]
        jbe     ends
capped: mov     edx, [RAMDISK_LIMIT]
ends:   pop     ecx
        push    ecx
        sub     edx, ecx
        jc      skip
        and     edx, 0xfffff000
        cmp     edx, eax                        # does it fit at all?
        jb      skip
        cmp     edx, edi
        jbe     skip
        mov     edi, edx
skip:   test    ebx, ebx
        jnz     entry
mapped: pop     ebx
        cmp     edi, 0x200000
        jae     done_place
        # A BIOS without a map says how many KiB there are above 1 MiB.
        mov     ah, 0x88
        int     0x15
        jc      no_memory
        movzx   edi, ax
        shl     edi, 10
        add     edi, 0x100000
        sub     edi, ebx
        jc      no_memory
        and     edi, 0xfffff000
        cmp     edi, 0x200000
        jb      no_memory
done_place:
        ret

ramdisk:
        .long   0
loading:
        .asciz  "Loading "
memory: .asciz  "\r\nThere is too little memory."
        .balign 8
table:  .fill   16, 1, 0
        .word   0xffff, BUFFER << 4 & 0xffff    # from
        .byte   BUFFER >> 12, 0x93, 0, 0
to:     .word   0xffff, 0
        .byte   0, 0x93, 0, 0
        .fill   16, 1, 0
        .org    1536                            # sectors 0 to 2
