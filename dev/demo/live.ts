export async function runLive(_signal: AbortSignal, _interrupt: (error: Error) => void): Promise<number> {
	return 0;
}
