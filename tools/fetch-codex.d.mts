export declare const CODEX_VERSION: string;
export declare function fetchCodex(options?: { log?: (line: string) => void; env?: NodeJS.ProcessEnv; node?: string }): Promise<string>;
export declare function findCodex(env?: NodeJS.ProcessEnv): string | undefined;
