// What `/proc/{pid}/fdinfo/{fd}` says of an open graphics card, by driver: made from the kernel's sources.

/** As drivers/gpu/drm/amd/amdgpu/amdgpu_fdinfo.c writes it. */
export const amdgpuFdinfo = (client: number, vramKib: number, engines: Readonly<Record<string, number>> = {}): string =>
  [
    'pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t685',
    `pasid:\t32771\ndrm-driver:\tamdgpu\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t${client}`,
    `drm-memory-vram:\t${vramKib} KiB\ndrm-memory-gtt: \t2048 KiB\namd-evicted-vram:\t0 KiB`,
    ...Object.entries(engines).map(([name, ns]) => `drm-engine-${name}:\t${ns} ns`),
    '',
  ].join('\n');

/** As drivers/gpu/drm/i915/i915_drm_client.c writes it. */
export const i915Fdinfo = (client: number, residentMib: number, renderNs: number, computeNs: number): string =>
  [
    'pos:\t0\nflags:\t0100002\ndrm-driver:\ti915',
    `drm-client-id:\t${client}\ndrm-pdev:\t0000:03:00.0`,
    'drm-total-system0:\t0\ndrm-resident-system0:\t0',
    `drm-total-local0:\t${residentMib + 16} MiB\ndrm-shared-local0:\t0\ndrm-resident-local0:\t${residentMib} MiB`,
    `drm-engine-render:\t${renderNs} ns\ndrm-engine-copy:\t0 ns`,
    `drm-engine-compute:\t${computeNs} ns\ndrm-engine-capacity-compute:\t4`,
    '',
  ].join('\n');

/** As the example in drivers/gpu/drm/xe/xe_drm_client.c. */
export const xeFdinfo = (client: number, vramKib: number, ccs: number, total: number): string =>
  [
    'pos:\t0\nflags:\t0100002\nmnt_id:\t26\nino:\t685',
    `drm-driver:\txe\ndrm-client-id:\t${client}\ndrm-pdev:\t0000:04:00.0`,
    'drm-total-system:\t0\ndrm-total-gtt:\t192 KiB\ndrm-resident-gtt:\t192 KiB',
    `drm-total-vram0:\t${vramKib} KiB\ndrm-shared-vram0:\t16 MiB\ndrm-resident-vram0:\t${vramKib} KiB`,
    `drm-cycles-rcs:\t0\ndrm-total-cycles-rcs:\t${total}`,
    `drm-cycles-bcs:\t${total}\ndrm-total-cycles-bcs:\t${total}`,
    `drm-cycles-ccs:\t${ccs}\ndrm-total-cycles-ccs:\t${total}`,
    '',
  ].join('\n');
